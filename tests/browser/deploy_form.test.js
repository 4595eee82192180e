// The example form, as it is built, in front of a running Fairway.
import { strict as assert } from 'node:assert';
import { after, before, test } from 'node:test';

import { openPage, startBrowser } from './browser.js';
import { startDockerRegistry } from './docker_registry.js';
import { ask, startDemo } from './fairway.js';
import { serveForm } from './form.js';

const N_MANY = 23;
const many = Array.from({ length: N_MANY }, (_, n) => `many/app-${String(n).padStart(2, '0')}`);

let browser;
let fairway;
let form;
let registry;
let registryId;

before(async () => {
  [browser, fairway, registry] = await Promise.all([startBrowser(), startDemo(), startDockerRegistry(many)]);
  form = await serveForm(fairway.origin);
  registryId = await integrate('Old registry', registry.address);
});
after(() => Promise.all([browser?.close(), form?.stop(), fairway?.stop(), registry?.stop()]));

async function act(query, variables) {
  const { data, errors } = await ask(fairway.origin, fairway.tokens.admin, { query, variables });
  assert.equal(errors, undefined);
  return data;
}

async function integrate(name, address) {
  const input = { name, address, kind: 'DOCKER_REGISTRY' };
  const document = 'mutation ($input: IntegrateRegistryInput!) { integrateRegistry(input: $input) { registry { id } } }';
  const { id } = (await act(document, { input })).integrateRegistry.registry;
  await refresh(id);
  return id;
}

const refresh = (id) =>
  act('mutation ($id: ID!) { refreshRegistry(input: { id: $id }) { registry { health { state } } } }', { id });

async function open(token = fairway.tokens.viewer) {
  const page = await openPage(browser, form.origin);
  await page.getByLabel('Token').fill(token);
  await page.getByLabel('Namespace').fill('pay-prod');
  await page.getByRole('button', { name: 'Select image…' }).click();
  await page.getByRole('dialog').waitFor();
  return page;
}

const status = (page) => page.getByRole('status');
const references = (page) => page.locator('#rows code').allTextContents();
const settled = (page) => page.locator('#images:not([aria-busy])').waitFor();

/** Waits until the status says this. */
const says = (page, text) => status(page).getByText(text).waitFor();

test('an image is searched, selected by keyboard and deployed by digest', async () => {
  const page = await open();
  await says(page, `10 of ${4 + N_MANY} images`);
  const asked = [];
  page.on('request', (request) => asked.push(request.postDataJSON()?.variables.search));
  await page.getByLabel('Search').pressSequentially('ledger api', { delay: 20 });
  await says(page, '1 of 1 image');
  assert.deepEqual(asked, ['ledger api'], 'one question, when the typing pauses');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await page.locator('#tags option').first().waitFor({ state: 'attached' });
  await page.shoot('form-selector');
  await page.getByRole('button', { name: 'Use image' }).click();
  // The dialog says what was selected when it has closed.
  await page.waitForFunction(() => document.querySelector('[name=image]').value);
  const image = await page.getByRole('textbox', { name: 'Image' }).inputValue();
  assert.match(image, /\/team-pay\/ledger\/api@sha256:[0-9a-f]{64}$/);
  await page.getByRole('button', { name: 'Deploy' }).click();
  const manifest = JSON.parse(await page.getByLabel('Manifest').textContent());
  assert.deepEqual(manifest.spec.template.spec.containers, [{ name: 'web', image }]);
  await page.shoot('form-manifest');
  await page.finish();
});

test('pages go forth and back by cursor', async () => {
  const page = await open();
  await page.getByLabel('Search').fill('many');
  await says(page, `10 of ${N_MANY} images`);
  const previous = page.getByRole('button', { name: 'Previous' });
  const next = page.getByRole('button', { name: 'Next' });
  assert.ok(await previous.isDisabled());
  const first = await references(page);
  const seen = [...first];
  for (const size of [10, 3]) {
    await next.click();
    await says(page, `${size} of ${N_MANY} images`);
    await page.waitForFunction((seen) => !seen.includes(document.querySelector('#rows code')?.textContent), seen);
    seen.push(...(await references(page)));
  }
  assert.deepEqual(seen.map((reference) => reference.replace(/^[^/]*\//, '')), many);
  assert.ok(await next.isDisabled());
  for (let n = 0; n < 2; n += 1) {
    const before = await references(page);
    await previous.click();
    await page.waitForFunction((before) => document.querySelector('#rows code')?.textContent !== before, before[0]);
  }
  assert.deepEqual(await references(page), first);
  assert.ok(await previous.isDisabled());
  await page.finish();
});

test('nothing found is said in words', async () => {
  const page = await open();
  await page.getByLabel('Search').fill('no-such-thing');
  await status(page).getByText('No image matches.').waitFor();
  assert.ok(await page.getByRole('button', { name: 'Use image' }).isDisabled());
  await page.finish();
});

test('a refused token is said in words', async () => {
  const page = await open('nonsense');
  await page.getByRole('alert').getByText('You are not signed in').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  assert.equal(await page.getByRole('textbox', { name: 'Image' }).inputValue(), '');
  await page.finish();
});

test('Fairway out of reach is said in words', async () => {
  const page = await open();
  await settled(page);
  await page.context().setOffline(true);
  await page.getByLabel('Search').fill('x');
  await page.getByRole('alert').getByText('Fairway cannot be reached').waitFor();
  assert.deepEqual(await references(page), []);
  await page.finish();
});

test('what is stale or unavailable is marked, with its age and why', async () => {
  // Integration looks at the list once, to prove the account.
  const broken = await startDockerRegistry(['lost'], { lists: 1 });
  await integrate('Broken registry', broken.address);
  await registry.stop();
  await refresh(registryId);
  const page = await open();
  const list = page.locator('#sources li');
  const stale = list.filter({ hasText: 'Old registry' });
  await stale.waitFor();
  assert.equal(await stale.getAttribute('data-state'), 'STALE');
  assert.match(await stale.textContent(), /23 images · stale · as of \d+ \w+ ago · .+/);
  const unavailable = list.filter({ hasText: 'Broken registry' });
  assert.equal(await unavailable.getAttribute('data-state'), 'UNAVAILABLE');
  assert.match(await unavailable.textContent(), /unavailable: nothing of it is shown · .+/);
  assert.equal(await list.filter({ hasText: 'harbor-east' }).getAttribute('data-state'), 'CURRENT');

  await page.getByLabel('Search').fill('many');
  await says(page, `10 of ${N_MANY} images`);
  assert.match(await page.locator('#rows label').first().textContent(), /stale: as of \d+ \w+ ago/);
  // Its tags cannot be read: that is said, and nothing can be used.
  await page.getByRole('radio').first().check();
  await page.locator('#tag-problem').getByText('The registry does not answer.').waitFor();
  assert.ok(await page.getByRole('button', { name: 'Use image' }).isDisabled());
  await page.shoot('form-stale');
  await broken.stop();
  await page.finish();
});

test('the markup is accessible: every control has a name, and the dialog keeps the focus', async () => {
  const page = await open();
  await settled(page);
  const nameless = await page.getByRole('dialog').evaluate((dialog) =>
    [...dialog.querySelectorAll('input, select, button')]
      .filter((control) => !(control.labels?.length || control.textContent.trim() || control.ariaLabel))
      .map((control) => control.outerHTML),
  );
  assert.deepEqual(nameless, []);
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('name')), 'search');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  assert.equal(await page.evaluate(() => document.activeElement.id), 'open');
  await page.finish();
});
