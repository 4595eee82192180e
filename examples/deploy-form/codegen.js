// Generates the types and texts of the documents in `src` from Fairway's schema, by the client preset of GraphQL Code
// Generator. A document that the schema does not allow ends the build.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { codegen } from '@graphql-codegen/core';
import { preset } from '@graphql-codegen/client-preset';
import { buildASTSchema, parse } from 'graphql';

const baseOutputDir = 'src/gql/';
const schema = parse(await readFile('../../schema.graphql', 'utf8'));
const files = (await readdir('src')).filter((file) => file.endsWith('.graphql'));
const documents = await Promise.all(
  files.map(async (file) => {
    const rawSDL = await readFile(`src/${file}`, 'utf8');
    return { location: `src/${file}`, rawSDL, document: parse(rawSDL) };
  }),
);

const scalars = { DateTime: 'string', Digest: 'string', Long: 'number', ByteCount: 'number', URL: 'string' };
const sections = await preset.buildGeneratesSection({
  baseOutputDir,
  schema,
  schemaAst: buildASTSchema(schema),
  documents,
  plugins: [],
  pluginMap: {},
  // Documents as strings: the form needs no GraphQL library when it runs.
  config: { documentMode: 'string', useTypeImports: true, scalars, defaultScalarType: 'unknown' },
  presetConfig: { fragmentMasking: false },
});
await mkdir(baseOutputDir, { recursive: true });
const operations = sections.find(({ filename }) => filename.endsWith('graphql.ts'));
await writeFile(operations.filename, await codegen(operations));
