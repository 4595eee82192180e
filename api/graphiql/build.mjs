// Builds the page into `../assets/graphiql`, as the binary takes it in: minified, compressed, with its licences.
// With a folder as argument, builds there instead, so that CI can compare.
import { build } from 'esbuild';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const target = resolve(process.argv[2] ?? join(here, '../assets/graphiql'));
const modules = join(here, 'node_modules');

const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  charset: 'utf8',
  target: ['chrome111', 'firefox113', 'safari16.4'],
  // The licences of all that is in here stand in a file of their own.
  legalComments: 'none',
  define: { 'process.env.NODE_ENV': '"production"' },
  logLevel: 'warning',
};

/** Leaves out what nobody would miss, which is a third of it all. */
const lighter = {
  name: 'lighter',
  setup({ onLoad, onResolve }) {
    // GraphiQL's style sheet has the editor's in it already.
    onLoad({ filter: /monaco-editor\/.*\.css$/ }, () => ({ contents: '', loader: 'css' }));
    // Fonts are for Latin script alone: a graph's names have no other, and browsers have fonts for descriptions.
    onLoad({ filter: /graphiql\/dist\/style\.css$/ }, async ({ path }) => {
      const faces = /@font-face\s*\{[^}]*unicode-range:(?!\s*U\+0000-00FF)[^}]*\}/g;
      return { contents: (await readFile(path, 'utf8')).replace(faces, ''), loader: 'css' };
    });
    onResolve({ filter: /^prettier\/(plugins\/estree|parser-babel)$/ }, () => ({
      path: join(here, 'src/jsonc_format.js'),
    }));
    // The same as `prettier/plugins/graphql`, which is in the page too.
    onResolve({ filter: /^prettier\/parser-graphql$/ }, () => ({ path: join(modules, 'prettier/plugins/graphql.mjs') }));
  },
};

/** Examples are shown as they are written. */
const examples = {
  name: 'examples',
  setup({ onLoad }) {
    onLoad({ filter: /\/examples\/.*\.json$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).trimEnd(),
      loader: 'text',
    }));
  },
};

const page = build({
  ...common,
  entryPoints: { page: 'src/page.jsx' },
  outdir: 'out',
  format: 'esm',
  jsx: 'automatic',
  loader: { '.graphql': 'text', '.ttf': 'dataurl' },
  plugins: [lighter, examples],
});
const workers = build({
  ...common,
  entryPoints: {
    'editor.worker': 'monaco-editor/esm/vs/editor/editor.worker.js',
    'json.worker': 'monaco-editor/esm/vs/language/json/json.worker.js',
    'graphql.worker': 'monaco-graphql/esm/graphql.worker.js',
  },
  outdir: 'out',
  format: 'iife',
  plugins: [lighter],
});

const results = await Promise.all([page, workers]);
await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
await keep('index.html', await readFile(join(here, 'src/index.html')));
for (const { path, contents } of results.flatMap((result) => result.outputFiles)) {
  await keep(path.split('/').at(-1), contents);
}
await keep('licences.txt', await licences(results.flatMap((result) => Object.keys(result.metafile.inputs))));

/** The page itself is filled in when it is served, so it alone is not compressed. */
async function keep(name, contents) {
  if (name === 'index.html') return writeFile(join(target, name), contents);
  const compressed = gzipSync(contents, { level: constants.Z_BEST_COMPRESSION });
  console.log(`${name}: ${contents.length} bytes, ${compressed.length} compressed`);
  return writeFile(join(target, `${name}.gz`), compressed);
}

/** The licences of the fonts, and the name, version and licence of every package that something was taken from. */
async function licences(inputs) {
  const folders = new Set();
  for (const input of inputs) {
    const found = input.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//);
    if (found) folders.add(join(here, found[1]));
  }
  const texts = new Map();
  for (const folder of folders) {
    const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const file = (await readdir(folder)).find((file) => /^licen[cs]e(\.|$)/i.test(file));
    const text = file ? await readFile(join(folder, file), 'utf8') : '';
    texts.set(`${name} ${version}: ${license}`, text.trim());
  }
  const fonts = await readFile(join(here, 'src/fonts.txt'), 'utf8');
  const packages = [...texts].sort(([one], [other]) => (one < other ? -1 : 1)).map((entry) => entry.join('\n\n'));
  const rule = `\n\n${'-'.repeat(80)}\n\n`;
  return Buffer.from(`${[fonts, ...packages].map((text) => text.trim()).join(rule)}\n`);
}
