// What clients of the last release rely on is still there, unless the changelog says what is not.
import { deepEqual } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';

const tool = '@graphql-inspector/core';

export const checks = ({ schema }) => [
  { tool, does: 'finds each kind of break, unless it is said', run: findsBreaks },
  { tool, does: 'finds no unsaid break since the last release', run: () => sinceRelease(dirname(schema)) },
];

/** What breaks between two schemas, by its path, and is not said in the changelog's first section: what comes next. */
async function unsaid(before, after, changelog) {
  const changes = await diff(buildSchema(before), buildSchema(after));
  const [, next = ''] = changelog.split(/^## /m);
  return changes.filter(({ criticality, path }) => criticality.level === CriticalityLevel.Breaking && !next.includes(`\`${path}\``));
}

async function sinceRelease(root) {
  const git = (...command) => execFileSync('git', command, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
  if (!git('tag', '--merged')) {
    // The one that is about to be tagged may stand there.
    const releases = changelog.match(/^## \[?v?\d/gm) ?? [];
    if (releases.length > 1) throw new Error('CHANGELOG.md has releases, and there is no tag: fetch them');
    return 'there is no release yet';
  }
  const tag = git('describe', '--tags', '--abbrev=0');
  const broken = await unsaid(git('show', `${tag}:schema.graphql`), readFileSync(join(root, 'schema.graphql'), 'utf8'), changelog);
  const lines = broken.map(({ message, path }) => `${message} (\`${path}\` is not in CHANGELOG.md, under what comes next)`);
  if (lines.length) throw new Error([`since ${tag}:`, ...lines].join('\n'));
  return `since ${tag}`;
}

/** As long as there is no release, nothing else would tell that breaks are found. */
async function findsBreaks() {
  const before = 'type Query { old(size: Int, kind: Kind): Int, kept: Int } enum Kind { ONE TWO } type Gone { id: ID }';
  const cases = {
    // Nothing, an addition.
    [before]: [],
    [`${before} extend type Query { new: Int }`]: [],
    // A field, a type, a value, an argument, what comes, what must be given.
    [before.replace(', kept: Int', '')]: ['Query.kept'],
    [before.replace(/type Gone.*/, '')]: ['Gone'],
    [before.replace(' TWO', '')]: ['Kind.TWO'],
    [before.replace('size: Int, ', '')]: ['Query.old.size'],
    [before.replace('kept: Int', 'kept: String')]: ['Query.kept'],
    [before.replace('size: Int', 'size: Int!')]: ['Query.old.size'],
    [before.replace('size: Int', 'size: Int, more: Int!')]: ['Query.old.more'],
  };
  const changelog = '# Changelog\n\n## Unreleased\n\n- `Query.old`.\n\n## 0.1.0\n\n- `Query.kept`, `Gone`.\n';
  for (const [after, paths] of Object.entries(cases)) {
    const found = async (changelog) => (await unsaid(before, after, changelog)).map(({ path }) => path);
    deepEqual(await found(changelog), paths, after);
    const said = changelog.replace('- `Query.old`', paths.map((path) => `- Removed: \`${path}\`.\n`).join(''));
    deepEqual(await found(said), [], after);
  }
  return `${Object.keys(cases).length} cases`;
}
