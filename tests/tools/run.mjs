// Other people's tools accept Fairway's graph: runs each of them, and prints its version and what came of it.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { checks as breaking } from './breaking.mjs';
import { checks as composition } from './composition.mjs';
import { start, workload } from './fairway.mjs';
import { checks as generators } from './generators.mjs';
import { checks as http } from './http.mjs';
import { checks as lint } from './lint.mjs';
import { checks as routers } from './routers.mjs';
import { start as startWorkloads } from './workloads/server.mjs';

const root = resolve(import.meta.dirname, '../..');
const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
const versions = JSON.parse(await readFile(new URL('package.json', import.meta.url), 'utf8')).dependencies;

const folder = await mkdtemp(join(tmpdir(), 'fairway-tools-'));
const fairway = await start(join(target, 'debug/demo'));
const runs = await workload(fairway);
const other = await startWorkloads([runs]);
const place = {
  folder,
  schema: join(root, 'schema.graphql'),
  sdl: execFileSync(join(target, 'debug/fairway'), ['schema', '--federation'], { encoding: 'utf8' }),
  origin: fairway.origin,
  workloadsUrl: other.url,
  fairway,
  workload: runs,
};

let failed = 0;
const made = {};
for (const { tool, does, run } of [lint, generators, breaking, composition, routers, http].flatMap((checks) => checks(place))) {
  const begun = Date.now();
  let outcome = 'ok';
  try {
    const said = await run(made);
    if (said) outcome = `ok: ${said}`;
  } catch (error) {
    failed += 1;
    outcome = `FAILED\n${error.message}\n${error.stdout ?? ''}${error.stderr ?? ''}`.trimEnd();
  }
  console.log(`${tool} ${versions[tool]} ${does} (${((Date.now() - begun) / 1000).toFixed(1)} s): ${outcome}`);
}

other.stop();
await fairway.stop();
await rm(folder, { recursive: true, force: true });
console.log(failed ? `${failed} failed` : 'all accept it');
process.exit(failed ? 1 : 0);
