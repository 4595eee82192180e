// A headless Chromium that tells of every request which leaves the page's origin, and of everything that goes wrong.
import { strict as assert } from 'node:assert';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const screenshots = process.env.FAIRWAY_SCREENSHOTS ?? join(tmpdir(), 'fairway-screenshots');

export async function startBrowser() {
  await mkdir(screenshots, { recursive: true });
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    // No name is resolved: what is asked elsewhere fails, as on a platform without internet.
    args: ['--no-sandbox', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'],
  });
}

/** A page in a session of its own. `page.complaints` is what went wrong on it. */
export async function openPage(browser, address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const complaints = [];
  await context.exposeFunction('complain', (text) => complaints.push(text));
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      globalThis.complain(`policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  context.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    const stays = origin === new URL(address).origin || ['data:', 'blob:'].includes(protocol);
    if (!stays) complaints.push(`leaves: ${request.url()}`);
  });
  context.on('weberror', (error) => complaints.push(`error: ${error.error().message}`));
  const page = await context.newPage();
  page.on('console', (message) => {
    // A browser says so of every answer that is an error; which of them are right is for the tests to say.
    const isStatus = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isStatus) complaints.push(`console: ${message.text()}`);
  });
  page.setDefaultTimeout(15_000);
  await page.goto(address);
  return Object.assign(page, {
    complaints,
    shoot: (name) => page.screenshot({ path: join(screenshots, `${name}.png`) }),
    /** Ends the session; nothing may have gone wrong in it. */
    finish: async () => {
      await context.close();
      assert.deepEqual(complaints, []);
    },
  });
}
