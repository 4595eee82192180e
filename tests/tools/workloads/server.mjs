// A second subgraph, without a library for it: `_service` and `_entities` are all that federation asks for.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { buildASTSchema, concatAST, parse, visit } from 'graphql';
import { createHandler } from 'graphql-http/lib/use/http';

export const sdl = readFileSync(new URL('schema.graphql', import.meta.url), 'utf8');

const PLUMBING = parse(`
  scalar _Any
  union _Entity = Workload | Namespace | Image
  type _Service { sdl: String! }
  extend type Query { _service: _Service!  _entities(representations: [_Any!]!): [_Entity]! }
`);

/** Starts it with these workloads (`{ name, cluster, namespace, reference }`); answers its address and how to end it. */
export async function start(workloads) {
  // Directives of federation are for whoever composes; what executes has no use for them.
  const plain = visit(parse(sdl), { Directive: () => null, SchemaExtension: () => null });
  const schema = buildASTSchema(concatAST([plain, PLUMBING]), { assumeValidSDL: true });
  const { Query, Namespace, Image, Workload } = schema.getTypeMap();
  const node = (found) => found && { ...found, __typename: 'Workload' };
  const resolve = (type, fields) =>
    Object.entries(fields).forEach(([name, resolver]) => (type.getFields()[name].resolve = resolver));
  resolve(Workload, {
    namespace: ({ cluster, namespace }) => ({ __typename: 'Namespace', cluster, name: namespace }),
    image: ({ reference }) => ({ __typename: 'Image', reference }),
  });
  resolve(Namespace, {
    workloads: ({ cluster, name }) =>
      workloads.filter((each) => each.cluster === cluster && each.namespace === name).map(node),
  });
  resolve(Image, { nickname: ({ repository }) => `the ${repository} of all` });
  const named = (name) => workloads.find((each) => each.name === name);
  resolve(Query, {
    workload: (_, { name }) => node(named(name)),
    _service: () => ({ sdl }),
    _entities: (_, { representations }) =>
      representations.map((each) => (each.__typename === 'Workload' ? node(named(each.name)) : each)),
  });
  const server = createServer(createHandler({ schema }));
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => server.close() };
}
