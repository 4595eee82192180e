// Generators of clients accept the schema, and documents written for it; the documents that they write down are those that
// Fairway takes as trusted.
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from '@graphql-codegen/cli';
import compiler from 'relay-compiler';
import { ask, startDev } from '../browser/fairway.js';
import { run } from './programs.mjs';

const clients = new URL('clients/', import.meta.url).pathname;

export const checks = ({ folder, schema }) => [
  { tool: 'relay-compiler', does: 'compiles, and writes documents to trust', run: () => trusted(relay(join(folder, 'relay'), schema)) },
  { tool: '@graphql-codegen/cli', does: 'generates, and writes documents to trust', run: () => trusted(codegen(join(folder, 'codegen'), schema)) },
];

/** A Fairway that runs the documents of this file alone runs its query by name, and no other. */
async function trusted(written) {
  const { file, operation } = await written;
  const ids = Object.entries(JSON.parse(await readFile(file, 'utf8')));
  const [documentId] = ids.find(([, document]) => document.includes(`query ${operation}(`)) ?? [];
  if (!documentId) throw new Error(`\`${operation}\` was not written down`);
  const fairway = await startDev({ FAIRWAY_TRUSTED_DOCUMENTS: file, FAIRWAY_DOCUMENTS: 'trusted' });
  try {
    const variables = { namespace: { name: 'prod' } };
    const { data, errors } = await ask(fairway.origin, fairway.token, { documentId, variables });
    if (errors || data.availableImages.totalCount !== 0) throw new Error(JSON.stringify({ data, errors }));
    const other = await ask(fairway.origin, fairway.token, { query: '{ viewer { subject } }' });
    if (other.errors?.[0].extensions.code !== 'FORBIDDEN') throw new Error(JSON.stringify(other));
  } finally {
    await fairway.stop();
  }
  return `${ids.length} documents`;
}

async function relay(folder, schema) {
  await mkdir(join(folder, 'artifacts'), { recursive: true });
  await cp(join(clients, 'select-image.js'), join(folder, 'selectImage.js'));
  await cp(schema, join(folder, 'schema.graphql'));
  const persistConfig = { file: './persisted.json', algorithm: 'SHA256' };
  const config = { src: '.', schema: './schema.graphql', language: 'javascript', artifactDirectory: './artifacts', eagerEsModules: true, persistConfig };
  await writeFile(join(folder, 'persisted.json'), '{}');
  await writeFile(join(folder, 'relay.config.json'), JSON.stringify(config));
  await run(compiler, ['relay.config.json'], { cwd: folder });
  return { file: join(folder, 'persisted.json'), operation: 'selectImageQuery' };
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
  return { file: join(output, 'persisted-documents.json'), operation: 'SelectImage' };
}
