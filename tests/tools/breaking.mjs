// What clients of the last release rely on is still there, unless the changelog says what is not.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';

export const checks = ({ schema }) => [{ tool: '@graphql-inspector/core', does: 'finds no unsaid breaking change', run: () => compare(schema) }];

async function compare(schema) {
  const root = dirname(schema);
  const git = (...command) => execFileSync('git', command, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  let tag;
  try {
    tag = git('describe', '--tags', '--abbrev=0').trim();
  } catch {
    return 'there is no release yet';
  }
  const changes = await diff(buildSchema(git('show', `${tag}:schema.graphql`)), buildSchema(readFileSync(schema, 'utf8')));
  const broken = changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking);
  const [, unreleased = ''] = readFileSync(join(root, 'CHANGELOG.md'), 'utf8').split(/^## /m);
  const unsaid = broken.filter(({ path }) => !unreleased.includes(`\`${path}\``));
  if (unsaid.length) {
    const lines = unsaid.map(({ message, path }) => `${message} (\`${path}\` is not in CHANGELOG.md, under Unreleased)`);
    throw new Error(lines.join('\n'));
  }
  return `since ${tag}`;
}
