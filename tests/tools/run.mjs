// Other people's tools accept Fairway's graph: runs each of them, and prints its version and what came of it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { programs } from '../browser/fairway.js';
import { checks as breaking } from './breaking.mjs';
import { checks as composition } from './composition.mjs';
import { start, workload } from './fairway.mjs';
import { checks as generators } from './generators.mjs';
import { checks as http } from './http.mjs';
import { checks as lint } from './lint.mjs';
import { DEADLINE_MS, run } from './programs.mjs';
import { checks as routers } from './routers.mjs';
import { start as startWorkloads } from './workloads/server.mjs';

// Where codegen looks for its presets.
process.chdir(import.meta.dirname);
const versions = JSON.parse(readFileSync(new URL('package.json', import.meta.url))).dependencies;

// However this ends, nothing stays: what was started ends with the process too.
const folder = mkdtempSync(join(tmpdir(), 'fairway-tools-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

const fairway = await start();
const runs = await workload(fairway);
const { stdout: sdl } = await run(join(programs, 'fairway'), ['schema', '--federation']);
const { url: workloadsUrl } = await startWorkloads([runs]);
const schema = resolve(import.meta.dirname, '../../schema.graphql');
const place = { folder, schema, sdl, workloadsUrl, fairway, workload: runs };

let failed = 0;
const made = {};
for (const { tool, does, run } of [lint, generators, breaking, composition, routers, http].flatMap((checks) => checks(place))) {
  const begun = performance.now();
  let outcome = 'ok';
  try {
    const said = await Promise.race([run(made), late()]);
    if (said) outcome = `ok: ${said}`;
  } catch (error) {
    failed += 1;
    outcome = `FAILED\n${error.message}\n${error.stdout ?? ''}${error.stderr ?? ''}`.trimEnd();
  }
  console.log(`${tool} ${versions[tool]} ${does} (${((performance.now() - begun) / 1000).toFixed(1)} s): ${outcome}`);
}
await fairway.stop();
console.log(failed ? `${failed} failed` : 'all accept it');
process.exit(failed ? 1 : 0);

async function late() {
  await sleep(DEADLINE_MS);
  throw new Error(`nothing came of it within ${DEADLINE_MS / 1000} s`);
}
