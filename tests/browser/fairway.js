// Fairway itself: the demo's platform, or `serve --dev`, each a process that ends with the test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where cargo puts them. */
export const programs = join(process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../target', import.meta.url)), 'debug');

/** The demo, after its walk: two Harbors, two tenants, and a token for each kind of person. */
export async function startDemo() {
  const demo = await start('demo', ['--port', '0'], /as payments' Viewer +\S+\n/);
  const fact = (name) => demo.said().match(new RegExp(`^ *${name} +(\\S+)`, 'm'))[1];
  return {
    origin: fact('gateway'),
    shopHarbor: fact('harbor-shop'),
    tokens: { admin: fact('as an Admin'), viewer: fact("as payments' Viewer") },
    stop: demo.stop,
  };
}

/** `fairway serve --dev`, on an empty database, with what is to be set beside. */
export async function startDev(settings = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'fairway-dev-'));
  const listen = `127.0.0.1:${await freePort()}`;
  const arguments_ = ['serve', '--dev', '--listen', listen, '--database-url', `sqlite://${folder}/fairway.db`];
  const fairway = await start('fairway', arguments_, /in a browser/, settings);
  const stop = async () => {
    await fairway.stop();
    await rm(folder, { recursive: true });
  };
  const origin = `http://${listen}`;
  const page = await (await fetch(`${origin}/graphql`, { headers: { Accept: 'text/html' } })).text();
  return { origin, token: page.match(/"token":"([^"]+)"/)[1], stop };
}

/** Asks the graph; the answer as it came. */
export async function ask(origin, token, request) {
  const response = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify(request),
  });
  return response.json();
}

async function start(program, arguments_, ready, settings = {}) {
  const env = { ...process.env, ...settings };
  const child = spawn(join(programs, program), arguments_, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  // However the tests end, it ends with them.
  process.once('exit', () => child.kill('SIGINT'));
  const ended = once(child, 'exit');
  let said = '';
  await new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        said += chunk;
        if (ready.test(said)) resolve();
      });
    }
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`${program} ended with ${code}:\n${said}`)));
  });
  const stop = async () => {
    child.kill('SIGINT');
    await ended;
  };
  return { said: () => said, stop };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
