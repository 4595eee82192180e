// Whether a page looks as in a picture that is kept. From afar, as no Chromium draws letters quite as another.
// With FAIRWAY_RECORD set, the picture is taken anew instead.
import { strict as assert } from 'node:assert';
import { readFile, writeFile } from 'node:fs/promises';

/** The side of the squares that are compared, in pixels, and how far the colour of one may be off. */
const SIDE = 20;
const SHADES = 4;
/** How many squares of 3,240 may be off: on a machine with other fonts more than a dozen are, without styles hundreds. */
const N_OFF = 60;
const PATIENCE_MS = 15_000;

/** Waits until the page looks like that. */
export async function looksLike(page, file) {
  const begun = Date.now();
  const canvas = await page.context().browser().newPage();
  for (;;) {
    const seen = await page.screenshot({ animations: 'disabled' });
    if (process.env.FAIRWAY_RECORD) await writeFile(file, seen);
    const pictures = [seen, await readFile(file)].map((picture) => picture.toString('base64'));
    const off = await canvas.evaluate(squaresOff, { pictures, SIDE, SHADES });
    if (off.length <= N_OFF) break;
    assert.ok(Date.now() - begun < PATIENCE_MS, `it looks otherwise at ${off.join(' ')}`);
  }
  await canvas.close();
}

/** Where two pictures differ: `left,top` of each square, in pixels. Runs in a browser. */
async function squaresOff({ pictures, SIDE, SHADES }) {
  const [one, other] = await Promise.all(pictures.map(async (picture) => {
    const image = new Image();
    image.src = `data:image/png;base64,${picture}`;
    await image.decode();
    const [width, height] = [image.width / SIDE, image.height / SIDE];
    const context = new OffscreenCanvas(width, height).getContext('2d');
    context.imageSmoothingQuality = 'high';
    context.drawImage(image, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  }));
  const isOff = (square) => [0, 1, 2].some((colour) => Math.abs(one.data[4 * square + colour] - other.data[4 * square + colour]) > SHADES);
  return Array.from({ length: one.width * one.height }, (_, square) => square)
    .filter(isOff)
    .map((square) => `${(square % one.width) * SIDE},${Math.floor(square / one.width) * SIDE}`);
}
