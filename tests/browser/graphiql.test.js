// GraphiQL as a browser shows it, with nothing but Fairway within reach.
import { strict as assert } from 'node:assert';
import { readFile, readdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { buildSchema, parse, validate } from 'graphql';

import { openPage, startBrowser } from './browser.js';
import { ask, startDemo, startDev } from './fairway.js';
import { looksLike } from './picture.js';

const repository = new URL('../../', import.meta.url);
let browser;
let fairway;

before(async () => {
  [browser, fairway] = await Promise.all([startBrowser(), startDemo()]);
});
after(() => Promise.all([browser?.close(), fairway?.stop()]));

const open = async (options) => {
  const page = await openPage(browser, `${fairway.origin}/graphql`, options);
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();
  return page;
};

/** Gives the token, and waits until the graph has told who that is, and what is in it. */
async function signIn(page, token = fairway.tokens.admin) {
  const schema = page.waitForResponse((response) => response.request().postData()?.includes('IntrospectionQuery') && response.ok());
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.locator('.token-bar output[data-state=known]').waitFor();
  await schema;
}

/** Writes into the editor of this kind, in place of what is there. The brackets that the editor closes itself go. */
async function write(page, text, editor = '.graphiql-query-editor') {
  await page.locator(`${editor} .monaco-editor`).first().click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.insertText(text);
  await page.keyboard.press('Control+Shift+End');
  await page.keyboard.press('Delete');
  await page.waitForFunction(
    (text) => globalThis.__MONACO.editor.getModels().some((model) => model.getValue() === text),
    text,
  );
}

const valueOf = (page, name) =>
  page.evaluate((name) => {
    const model = globalThis.__MONACO.editor.getModels().find((model) => model.uri.path.endsWith(name));
    return model?.getValue() ?? '';
  }, name);

/** Opens a tab, and waits until the editors show what is in it. */
async function switchTo(page, name) {
  await page.locator('.graphiql-tab-button', { hasText: name }).click();
  await page.locator('.graphiql-tab-active', { hasText: name }).waitFor();
  await page.waitForFunction((name) => {
    const value = (ending) =>
      globalThis.__MONACO.editor.getModels().find((model) => model.uri.path.endsWith(ending)).getValue();
    return value('operation.graphql').includes(` ${name}(`) && value('variables.json').trim() !== '';
  }, name);
}

/** Runs what is in the editor; the data that the page shows. */
async function answerOf(page) {
  const { data, errors } = await run(page);
  assert.deepEqual(errors ?? [], []);
  return data;
}

/**
 * Runs what is in the editor; the answer that the page shows. GraphiQL finds the operation's name some time after the
 * document has changed, which it shows nowhere: until then it asks for the one before, which is not there.
 */
async function run(page) {
  for (;;) {
    const answer = await runOnce(page);
    if (!answer.errors?.[0].message.includes('`operationName`')) return answer;
  }
}

async function runOnce(page) {
  const before = await valueOf(page, 'response.json');
  const answered = page.waitForResponse((response) => response.request().method() === 'POST');
  await page.getByRole('button', { name: /^Execute query/ }).click();
  await answered;
  const choice = page.getByRole('menuitem').first();
  if (await choice.isVisible()) await choice.click();
  await page.waitForFunction(
    (before) => {
      const models = globalThis.__MONACO.editor.getModels();
      const value = models.find((model) => model.uri.path.endsWith('response.json'))?.getValue() ?? '';
      return value !== before && value.trim() !== '';
    },
    before,
  );
  return JSON.parse(await valueOf(page, 'response.json'));
}

/** Begins what is in the editor, and waits until Fairway has: it answers messages in the order in which they come. */
async function subscribe(page) {
  await page.evaluate(() => {
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function (message) {
      send.call(this, message);
      if (JSON.parse(message).type === 'subscribe') send.call(this, '{"type":"ping"}');
    };
  });
  const standing = new Promise((resolve) => {
    const heard = ({ payload }) => JSON.parse(payload).type === 'pong' && resolve(true);
    page.once('websocket', (socket) => socket.on('framereceived', heard));
  });
  for (let stands = false; !stands; ) {
    // As above, and what is not known to be a subscription goes over HTTP.
    const refused = page.waitForResponse((response) => response.request().method() === 'POST').then(() => false, () => false);
    await page.getByRole('button', { name: /^Execute query/ }).click();
    stands = await Promise.race([standing, refused]);
  }
}

test('a query is typed and answered', async () => {
  const page = await open();
  await signIn(page);
  assert.equal(await page.locator('.token-bar output').textContent(), 'Ada, Admin');
  await write(page, '{ registries(first: 5) { nodes { name kind } } }');
  const data = await answerOf(page);
  assert.deepEqual(data.registries.nodes.map((node) => node.name), ['harbor-east', 'harbor-shop']);
  // The editor shows it a moment after it has it.
  await page.locator('.graphiql-response .view-lines').getByText('harbor-east').first().waitFor();
  await page.shoot('graphiql-answer');
  await looksLike(page, new URL('graphiql.png', import.meta.url));
  await page.finish();
});

test('without a token nothing is answered, and the page says so', async () => {
  const page = await open();
  assert.equal(await page.locator('.token-bar output').textContent(), 'Paste a token to ask anything.');
  await write(page, '{ viewer { subject } }');
  const refused = await run(page);
  assert.equal(refused.errors[0].extensions.code, 'UNAUTHENTICATED');
  await page.getByLabel('Token', { exact: true }).fill('nonsense');
  await page.locator('.token-bar output[data-state=refused]').waitFor();
  await page.shoot('graphiql-refused');
  // Pasted as a header, too.
  await signIn(page, `{"Authorization": "Bearer ${fairway.tokens.viewer}"}`);
  const data = await answerOf(page);
  assert.equal(data.viewer.subject, 'payments-dev');
  await page.finish();
});

test('the token is kept for this tab alone', async () => {
  const page = await open();
  await signIn(page);
  await page.reload();
  await page.locator('.token-bar output[data-state=known]').waitFor();
  const lasting = await page.evaluate(() => JSON.stringify({ ...localStorage }) + document.cookie);
  assert.ok(!lasting.includes(fairway.tokens.admin));
  const [other] = await Promise.all([
    page.context().waitForEvent('page'),
    page.evaluate((address) => open(address, '_blank', 'noopener'), page.url()),
  ]);
  await other.locator('.token-bar output[data-state=absent]').waitFor();
  await page.finish();
});

test('what was typed is not kept beyond the tab either, as it may hold passwords', async () => {
  const page = await open();
  await switchTo(page, 'Integrate');
  await write(page, '{ "input": { "password": "hunter2" } }', '.graphiql-editor-tool');
  await page.waitForFunction(() => JSON.stringify({ ...sessionStorage }).includes('hunter2'));
  assert.ok(!(await page.evaluate(() => JSON.stringify({ ...localStorage }))).includes('hunter2'));
  await page.finish();
});

test('the tabs hold what Fairway is for', async () => {
  const page = await open();
  await signIn(page);
  const names = await page.locator('.graphiql-tab-button').allTextContents();
  assert.deepEqual(names, ['Overview', 'Integrate', 'CreateSpace', 'SetPublic', 'Bind', 'Select', 'Explain', 'Watch']);

  const { nodes } = (await answerOf(page)).registries;
  const east = nodes.find((registry) => registry.name === 'harbor-east');
  assert.ok(east.spaces.nodes.some((space) => space.name === 'team-pay'));

  await switchTo(page, 'Select');
  const data = await answerOf(page);
  assert.equal(data.availableImages.totalCount, 4);
  await page.shoot('graphiql-select');

  await switchTo(page, 'Explain');
  const { explainImageAccess } = await answerOf(page);
  assert.ok(explainImageAccess.checks.some((check) => check.outcome === 'FAILED' && check.remedy));
  await page.finish();
});

test('an event is shown when it happens', async () => {
  const page = await open();
  await signIn(page);
  const act = async (query, variables) => (await ask(fairway.origin, fairway.tokens.admin, { query, variables })).data;
  const { spaces, workspace } = await act('{ spaces(filter: { search: "vault" }) { nodes { id } } workspace(name: "payments") { id } }');
  const input = { spaceIds: [spaces.nodes[0].id], workspaceIds: [workspace.id] };
  const shown = (kind) => page.locator('.graphiql-response .view-lines').getByText(kind).waitFor();

  await switchTo(page, 'Watch');
  await subscribe(page);
  await act('mutation ($input: BindSpacesInput!) { bindSpaces(input: $input) { created } }', { input });
  await shown('BECAME_AVAILABLE');
  const { imageEvents } = JSON.parse(await valueOf(page, 'response.json')).data;
  assert.match(imageEvents.reference, /\/vault\/keys$/);
  assert.equal(imageEvents.image.space.name, 'vault');
  await page.shoot('graphiql-watch');

  // It goes on, until one ends it.
  await act('mutation ($input: UnbindSpacesInput!) { unbindSpaces(input: $input) { removed } }', { input });
  await shown('BECAME_UNAVAILABLE');
  await page.getByRole('button', { name: /^Stop query/ }).click();
  await page.getByRole('button', { name: /^Execute query/ }).waitFor();
  await page.finish();
});

test('each example is good, and has the variables that it needs', async () => {
  const schema = buildSchema(await readFile(new URL('schema.graphql', repository), 'utf8'));
  const folder = new URL('api/graphiql/examples/', repository);
  const files = await readdir(folder);
  const documents = files.filter((file) => file.endsWith('.graphql'));
  assert.ok(documents.length >= 6);
  for (const file of documents) {
    const document = parse(await readFile(new URL(file, folder), 'utf8'));
    assert.deepEqual(validate(schema, document).map((error) => error.message), [], file);
    const required = document.definitions[0].variableDefinitions.map(({ variable }) => variable.name.value);
    const variables = file.replace('.graphql', '.json');
    const given = files.includes(variables) ? JSON.parse(await readFile(new URL(variables, folder), 'utf8')) : {};
    assert.deepEqual(Object.keys(given).sort(), required.sort(), file);
  }
});

test('the editor knows the graph: its workers run', async () => {
  const page = await open();
  await signIn(page);
  await write(page, '{ viewer { subjekt } }');
  await page.locator('.graphiql-query-editor .squiggly-error').waitFor();
  await write(page, '{ viewer { } }');
  await page.keyboard.press('End');
  for (let n = 0; n < 3; n += 1) await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Control+Space');
  await page.locator('.suggest-widget').getByText('memberships').first().waitFor();
  await page.finish();
});

test('the documents are prettified, and the variables with them', async () => {
  const page = await open();
  await signIn(page);
  await switchTo(page, 'Select');
  await write(page, '{"namespace":{"name":"pay-prod"}}', '.graphiql-editor-tool');
  await write(page, '# why\nquery Q{viewer{subject}}');
  await page.getByRole('button', { name: /^Prettify/ }).click();
  await page.waitForFunction(() =>
    globalThis.__MONACO.editor.getModels().some((model) => model.getValue().includes('  viewer {\n    subject\n')),
  );
  assert.match(await valueOf(page, 'operation.graphql'), /^# why\nquery Q \{/);
  assert.equal(await valueOf(page, 'variables.json'), '{\n  "namespace": {\n    "name": "pay-prod"\n  }\n}');
  await page.finish();
});

test('the explorer and the documentation open', async () => {
  const page = await open();
  await signIn(page);
  await page.getByRole('button', { name: 'Show GraphiQL Explorer' }).click();
  await page.locator('.docExplorerWrap, .graphiql-explorer-root').getByText('availableImages').first().waitFor();
  await page.shoot('graphiql-explorer');
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await page.locator('.graphiql-doc-explorer').getByText('Query').first().waitFor();
  await page.finish();
});

test('it is dark where the system is, and where one wants it', async () => {
  const ground = (page) =>
    page.locator('.graphiql-container').evaluate((element) => getComputedStyle(element).backgroundColor);
  const lightness = (color) => color.match(/[\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765;
  const dark = await open({ colorScheme: 'dark' });
  assert.ok(lightness(await ground(dark)) < 0.3);
  await dark.shoot('graphiql-dark');
  await dark.finish();

  const light = await open({ colorScheme: 'light' });
  assert.ok(lightness(await ground(light)) > 0.7);
  await light.shoot('graphiql-light');
  await light.getByRole('button', { name: 'Open settings dialog' }).click();
  await light.getByRole('button', { name: 'Dark', exact: true }).click();
  await light.keyboard.press('Escape');
  await light.waitForFunction(() => document.body.classList.contains('graphiql-dark'));
  assert.ok(lightness(await ground(light)) < 0.3);
  await light.reload();
  await light.waitForFunction(() => document.body.classList.contains('graphiql-dark'));
  await light.finish();
});

test('what the page is made of is small, and loaded once', async () => {
  const page = await open();
  const load = async (address) => {
    const finished = [];
    const note = (request) => finished.push(request);
    page.on('requestfinished', note);
    await page.goto(address);
    await page.locator('.graphiql-query-editor .view-line').first().waitFor();
    page.off('requestfinished', note);
    const assets = finished.filter((request) => request.url().includes('/graphiql/'));
    // What comes from the browser's own store has less than no body here.
    return Promise.all(assets.map(async (request) => Math.max(0, (await request.sizes()).responseBodySize)));
  };
  // Another origin to the browser, so that it has nothing of it yet.
  const first = await load(page.url().replace('127.0.0.1', 'localhost'));
  const total = first.reduce((sum, size) => sum + size, 0);
  assert.ok(total > 500_000 && total < 2_000_000, `${first}`);
  const again = await load(page.url());
  assert.ok(again.length >= 2 && again.every((size) => size === 0), `${again}`);
  await page.context().close();
});

test('`serve --dev` fills in the token of an Admin', async () => {
  const dev = await startDev();
  try {
    const page = await openPage(browser, `${dev.origin}/graphql`);
    await page.locator('.token-bar output[data-state=known]').waitFor();
    assert.match(await page.locator('.token-bar output').textContent(), /Admin$/);
    await page.finish();
  } finally {
    await dev.stop();
  }
});
