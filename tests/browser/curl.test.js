// Every command of `examples/curl.md`, run as it stands there, and its answer compared in shape with the one shown.
// With FAIRWAY_RECORD set, the answers are written into the page instead.
import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { startDemo } from './fairway.js';

const file = new URL('../../examples/curl.md', import.meta.url);
/** A command, what is to be kept of its answer, and the answer. */
const STEP = /```sh\n(curl [\s\S]*?)```\n\n(?:Keep ((?:`[^`]+` as `\w+`(?:, )?)+)\.\n\n)?```json\n([\s\S]*?)```/g;
/** How the page calls the demo's other Harbor, which has no name but its address. */
const HOST = 'east.example.com';

let fairway;
before(async () => {
  fairway = await startDemo();
});
after(() => fairway?.stop());

test('every command does what the page says', async () => {
  let text = await readFile(file, 'utf8');
  const steps = [...text.matchAll(STEP)];
  assert.equal(steps.length, text.split('```sh\ncurl').length - 1, 'each command has its answer');
  const { PATH } = process.env;
  const env = { PATH, FAIRWAY: fairway.origin, TOKEN: fairway.tokens.admin, HARBOR: fairway.shopHarbor };
  for (const [all, command, keeps = '', shown] of steps) {
    const { stdout } = await promisify(execFile)('bash', ['-euc', command], { env });
    const answer = JSON.parse(stdout);
    if (process.env.FAIRWAY_RECORD) {
      const recorded = JSON.stringify(answer, null, 2).replaceAll(/127\.0\.0\.1:\d+/g, HOST);
      text = text.replace(all, () => all.replace(`\`\`\`json\n${shown}`, () => `\`\`\`json\n${recorded}\n`));
    } else {
      assert.deepEqual(shapeOf(answer), shapeOf(JSON.parse(shown)), command);
    }
    for (const [, path, name] of keeps.matchAll(/`([^`]+)` as `(\w+)`/g)) {
      env[name] = path.split('.').reduce((value, key) => value[key], answer.data);
      assert.equal(typeof env[name], 'string', `${path} of ${stdout}`);
    }
  }
  if (process.env.FAIRWAY_RECORD) await writeFile(file, text);
});

/** Names, kinds of values, and whatever is not a moment, an id, a digest or an address. */
function shapeOf(value) {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, value]) => [key, shapeOf(value)]));
  }
  if (typeof value !== 'string') return value;
  return value
    .replaceAll(/127\.0\.0\.1:\d+/g, HOST)
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<moment>')
    .replaceAll(/sha256:[0-9a-f]{64}/g, '<digest>')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>')
    .replaceAll(/^[\w-]{16,}={0,2}$/g, '<opaque>');
}
