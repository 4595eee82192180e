// Fairway's subgraph composes with another that extends `Namespace` and `Image`, in four composers.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { composeServices as apollo } from '@apollo/composition';
import { composeServices as guild } from '@theguild/federation-composition';
import { parse } from 'graphql';
import { run } from './programs.mjs';
import { sdl as workloads } from './workloads/server.mjs';

const require = createRequire(import.meta.url);

/** Composes in the process; answers the supergraph. */
function compose(composer, subgraphs) {
  const services = subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) }));
  const { errors, hints, supergraphSdl } = composer(services);
  if (errors?.length) throw new Error(errors.map(({ message }) => message).join('\n'));
  if (hints?.length) throw new Error(`hints: ${hints.map((hint) => hint.message ?? hint).join('\n')}`);
  return supergraphSdl;
}

export function checks({ folder, fairway, sdl, workloadsUrl }) {
  const subgraphs = [
    { name: 'fairway', url: `${fairway.origin}/graphql`, sdl },
    { name: 'workloads', url: workloadsUrl, sdl: workloads },
  ];
  const written = Promise.all(subgraphs.map(({ name, sdl }) => writeFile(join(folder, `${name}.graphql`), sdl)));
  return [
    {
      tool: '@apollo/composition',
      does: 'composes',
      run: async (made) => {
        const file = join(folder, 'supergraph.graphql');
        await writeFile(file, compose(apollo, subgraphs));
        made.supergraph = file;
      },
    },
    { tool: '@theguild/federation-composition', does: 'composes', run: async () => void compose(guild, subgraphs) },
    {
      tool: 'wgc',
      does: 'composes offline',
      run: async () => {
        await written;
        const graph = subgraphs.map(({ name, url }) =>
          `  - name: ${name}\n    routing_url: ${url}\n    schema: { file: ./${name}.graphql }\n`);
        const input = join(folder, 'wgc.yaml');
        await writeFile(input, `version: 1\nsubgraphs:\n${graph.join('')}`);
        const wgc = join(require.resolve('wgc/package.json'), '..', 'dist', 'src', 'index.js');
        const output = join(folder, 'wgc.json');
        await run(process.execPath, [wgc, 'router', 'compose', '-i', input, '-o', output], {
          cwd: folder, env: { ...process.env, DO_NOT_TRACK: '1', COSMO_TELEMETRY_DISABLED: 'true' },
        });
      },
    },
    {
      tool: '@grafbase/cli-x86_64-unknown-linux-musl',
      does: 'composes',
      run: async (made) => {
        await written;
        const graph = subgraphs.map(({ name, url }) =>
          `[subgraphs.${name}]\nurl = "${url}"\nschema_path = "${name}.graphql"\n`);
        // Whoever asks the router is who Fairway answers.
        const headers = '[[headers]]\nrule = "forward"\nname = "authorization"\n';
        made.grafbase = join(folder, 'grafbase.toml');
        await writeFile(made.grafbase, `[graph]\n${headers}\n${graph.join('\n')}`);
        await run(grafbase(), ['compose', '-c', made.grafbase], { cwd: folder, env: { ...process.env, HOME: folder } });
      },
    },
  ];
}

/** Where the program is that the package brings. */
export function grafbase() {
  return join(require.resolve('@grafbase/cli-x86_64-unknown-linux-musl/package.json'), '..', 'grafbase');
}
