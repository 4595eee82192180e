// Every command of `examples/curl.md`, run as it stands there, and its answer compared in shape with the one shown.
// With FAIRWAY_RECORD set, the answers are written into the page instead.
import { strict as assert } from 'node:assert';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { startDemo } from './fairway.js';

const file = new URL('../../examples/curl.md', import.meta.url);
/** A command, or what is to be kept of its answer, and the answer: JSON, or what a stream has shown by then. */
const BLOCK = /(?:Keep ((?:`[^`]+` as `\w+`(?:, )?)+)\.\n\n)?```(\w+)\n((?:(?!```)[^])*)```/g;
/** How the page calls the demo's other Harbor, which has no name but its address. */
const HOST = 'east.example.com';

let fairway;
before(async () => {
  fairway = await startDemo();
});
after(() => fairway?.stop());

test('every command does what the page says', { timeout: 120_000 }, async (context) => {
  let text = await readFile(file, 'utf8');
  const { PATH } = process.env;
  const env = { PATH, FAIRWAY: fairway.origin, TOKEN: fairway.tokens.admin, HARBOR: fairway.shopHarbor };
  /** What was run and has no answer on the page yet. */
  const open = [];
  const check = (block, shown, answer, format) => {
    if (process.env.FAIRWAY_RECORD) {
      const recorded = format(answer).replaceAll(/127\.0\.0\.1:\d+/g, HOST);
      text = text.replace(block, () => block.replace(shown, () => `${recorded}\n`));
    } else {
      assert.deepEqual(shapeOf(answer), shapeOf(format === String ? shown.trimEnd() : JSON.parse(shown)));
    }
  };
  for (const [block, keeps = '', kind, content] of text.matchAll(BLOCK)) {
    if (kind === 'sh' && content.startsWith('curl')) {
      open.push(await (content.includes(' -sND- ') ? follow(context, content, env) : promisify(execFile)('bash', ['-euc', content], { env })));
    } else if (kind === 'json') {
      const { stdout } = open.pop();
      const answer = JSON.parse(stdout);
      check(block, content, answer, (answer) => JSON.stringify(answer, null, 2));
      for (const [, path, name] of keeps.matchAll(/`([^`]+)` as `(\w+)`/g)) {
        env[name] = path.split('.').reduce((value, key) => value[key], answer.data);
        assert.equal(typeof env[name], 'string', `${path} of ${stdout}`);
      }
    } else if (kind === 'text') {
      check(block, content, await open.pop().event(), String);
    }
  }
  assert.deepEqual(open, [], 'each command has its answer');
  if (process.env.FAIRWAY_RECORD) await writeFile(file, text);
});

/** Runs a command that goes on, as soon as it has headers; `event` is all that it said up to its next event. */
async function follow(context, command, env) {
  const child = spawn('bash', ['-euc', `exec ${command}`], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  context.after(() => child.kill());
  let said = '';
  child.stdout.on('data', (chunk) => (said += String(chunk).replaceAll('\r', '')));
  const says = async (pattern) => {
    while (!pattern.test(said)) await once(child.stdout, 'data');
    return said.trimEnd();
  };
  await says(/^\n/m);
  return { event: () => says(/^data: .*\n/m) };
}

/** Names, kinds of values, and whatever is not a moment, an id, a digest or an address. */
function shapeOf(value) {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, value]) => [key, shapeOf(value)]));
  }
  if (typeof value !== 'string') return value;
  return value
    .replaceAll(/127\.0\.0\.1:\d+/g, HOST)
    .replaceAll(/^date: .*$/gm, 'date: <date>')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<moment>')
    .replaceAll(/sha256:[0-9a-f]{64}/g, '<digest>')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>')
    .replaceAll(/^[\w-]{16,}={0,2}$/g, '<opaque>');
}
