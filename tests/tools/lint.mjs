// The schema keeps the rules for schemas, and for Relay's clients, of @graphql-eslint.
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ESLint } from 'eslint';
import graphql from '@graphql-eslint/eslint-plugin';
import { Kind, parse } from 'graphql';

export const checks = ({ schema }) => [{ tool: '@graphql-eslint/eslint-plugin', does: 'finds nothing', run: () => lint(schema) }];

async function lint(schema) {
  const objects = parse(readFileSync(schema, 'utf8')).definitions.filter(({ kind }) => kind === Kind.OBJECT_TYPE_DEFINITION);
  const values = objects.filter(({ interfaces }) => !interfaces.some(({ name }) => name.value === 'Node'));
  const eslint = new ESLint({
    cwd: dirname(schema),
    overrideConfigFile: true,
    overrideConfig: {
      files: ['**/*.graphql'],
      plugins: { '@graphql-eslint': graphql },
      languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema } } },
      rules: {
        ...graphql.configs['flat/schema-recommended'].rules,
        ...graphql.configs['flat/schema-relay'].rules,
        // What is a part of something else has no id; what has one is a Node.
        '@graphql-eslint/strict-id-in-types': ['error', { exceptions: { types: values.map(({ name }) => name.value) } }],
        // Short lists that belong to one object are lists, connections have `nodes` beside their edges, and a tag is a part
        // of its image.
        '@graphql-eslint/relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false }],
      },
    },
  });
  const found = (await eslint.lintFiles([schema])).flatMap(({ messages }) => messages);
  if (found.length) throw new Error(found.map(({ line, ruleId, message }) => `line ${line}: ${message} (${ruleId})`).join('\n'));
}
