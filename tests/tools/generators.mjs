// Generators of clients accept the schema, and documents written for it; the documents that they write down are those that
// Fairway takes as trusted.
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { generate } from '@graphql-codegen/cli';
import compiler from 'relay-compiler';

const run = promisify(execFile);
const clients = new URL('clients/', import.meta.url).pathname;

export const checks = ({ folder, schema }) => [
  { tool: 'relay-compiler', does: 'compiles', run: () => relay(join(folder, 'relay'), schema) },
  {
    tool: '@graphql-codegen/cli',
    does: 'generates',
    run: async (made) => {
      made.documents = await codegen(join(folder, 'codegen'), schema);
    },
  },
];

async function relay(folder, schema) {
  await mkdir(join(folder, 'artifacts'), { recursive: true });
  await cp(join(clients, 'select-image.js'), join(folder, 'selectImage.js'));
  await cp(schema, join(folder, 'schema.graphql'));
  const persistConfig = { file: './persisted.json', algorithm: 'SHA256' };
  const config = { src: '.', schema: './schema.graphql', language: 'javascript', artifactDirectory: './artifacts', eagerEsModules: true, persistConfig };
  await writeFile(join(folder, 'persisted.json'), '{}');
  await writeFile(join(folder, 'relay.config.json'), JSON.stringify(config));
  await run(compiler, ['relay.config.json'], { cwd: folder });
  persisted(await readFile(join(folder, 'persisted.json'), 'utf8'), 'selectImageQuery');
}

async function codegen(folder, schema) {
  await mkdir(folder, { recursive: true });
  const output = join(folder, 'gql/');
  await generate({
    schema,
    documents: join(clients, 'documents.graphql'),
    silent: true,
    generates: { [output]: { preset: 'client', presetConfig: { persistedDocuments: { hashAlgorithm: 'sha256' } } } },
  });
  const file = join(output, 'persisted-documents.json');
  persisted(await readFile(file, 'utf8'), 'SelectImage');
  return file;
}

function persisted(text, name) {
  if (!Object.values(JSON.parse(text)).some((document) => document.includes(name))) throw new Error(`\`${name}\` was not written down`);
}
