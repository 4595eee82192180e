// Routers answer questions across Fairway and another subgraph.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { grafbase } from './composition.mjs';
import { endWithUs } from './programs.mjs';

/** From the other subgraph into Fairway and back, and from Fairway into the other one. */
const QUESTION = `query ($name: String!, $namespace: NamespaceKey!) {
  workload(name: $name) {
    namespace { cluster name workspace { name } workloads { name } }
    image { reference repository nickname space { visibility } }
  }
  availableImages(namespace: $namespace, first: 2) { nodes { repository nickname } }
}`;

export const checks = ({ folder, fairway, workload }) => [
  {
    tool: '@graphql-hive/gateway-runtime',
    does: 'answers across both',
    run: async ({ supergraph }) => {
      if (!supergraph) throw new Error('there is no supergraph, as it does not compose');
      const port = await freePort();
      const program = new URL('hive.mjs', import.meta.url).pathname;
      await answers(process.execPath, [program, supergraph, port], folder, `http://127.0.0.1:${port}/graphql`, fairway, workload);
    },
  },
  {
    tool: '@grafbase/cli-x86_64-unknown-linux-musl',
    does: 'answers across both',
    run: async ({ grafbase: config }) => {
      const port = await freePort();
      const command = ['dev', '-c', config, '--listen-address', `127.0.0.1:${port}`];
      await answers(grafbase(), command, folder, `http://127.0.0.1:${port}/graphql`, fairway, workload);
    },
  },
];

/** Starts a router, asks it, and ends it. */
async function answers(program, command, folder, url, { authorization }, workload) {
  const env = { ...process.env, HOME: folder, DO_NOT_TRACK: '1' };
  const router = spawn(program, command, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  endWithUs(router);
  let log = '';
  for (const stream of [router.stdout, router.stderr]) stream.on('data', (text) => (log += text));
  const ended = new Promise((resolve) => router.on('exit', resolve));
  try {
    const { cluster, namespace, reference, name } = workload;
    const variables = { name, namespace: { cluster, name: namespace } };
    const reply = await ask(url, authorization, variables, ended);
    const { workload: told, availableImages } = reply.data ?? {};
    const is = told?.namespace.name === namespace && told.namespace.workspace.name === workload.workspace
      && told.namespace.workloads.some((each) => each.name === name) && told.image.reference === reference
      && told.image.space.visibility && told.image.nickname === `the ${told.image.repository} of all`
      && availableImages.nodes.every(({ repository, nickname }) => nickname === `the ${repository} of all`);
    if (!is || reply.errors) throw new Error(JSON.stringify(reply));
  } catch (error) {
    throw new Error(`${error.message}\n${log.slice(-2_000)}`);
  } finally {
    // Hive stays when it is asked to go, as its server does.
    router.kill('SIGKILL');
    await ended;
  }
}

/** The answer, as soon as the router is there to give one. */
async function ask(url, authorization, variables, ended) {
  let gone = false;
  ended.then(() => (gone = true));
  for (let attempt = 0; attempt < 300 && !gone; attempt += 1) {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ query: QUESTION, variables }),
      });
      if (response.ok) return await response.json();
    } catch {
      // It does not listen yet.
    }
    await sleep(200);
  }
  throw new Error(gone ? 'the router ended' : 'the router does not answer');
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
