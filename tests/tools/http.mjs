// GraphQL over HTTP as its specification has it, and events over both transports, as the clients most used have them.
import { createServer } from 'node:http';
import { auditServer } from 'graphql-http';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import WebSocket from 'ws';

const HEALTH_CHANGES = 'subscription ($id: ID!) { registryHealthChanged(registryId: $id) { id health { state } } }';
const IMAGE_EVENTS = 'subscription ($namespace: NamespaceKey!) { imageEvents(namespace: $namespace) { kind reference } }';

/** How many this version of it has: fewer would mean that something was not asked. */
const N_AUDITS = 61;

export const checks = ({ fairway }) => [
  { tool: 'graphql-http', does: 'audits', run: () => audit(fairway) },
  { tool: 'graphql-ws', does: 'is told of images and health', run: () => overWebSocket(fairway) },
  { tool: 'graphql-sse', does: 'is told of images and health', run: () => overEventStream(fairway) },
];

async function audit({ origin, authorization }) {
  const fetchFn = (url, init = {}) => fetch(url, { ...init, headers: { ...init.headers, authorization } });
  const results = await auditServer({ url: `${origin}/graphql`, fetchFn });
  const failed = results.filter(({ status }) => status !== 'ok');
  if (failed.length) throw new Error(failed.map(({ id, status, name, reason }) => `${id} ${status}: ${name}: ${reason}`).join('\n'));
  if (results.length !== N_AUDITS) throw new Error(`${results.length} audits, and not ${N_AUDITS}`);
  return `${results.length} of ${N_AUDITS}`;
}

/** Binds a private space to a workspace of its own while `subscribed` waits for the event of it. */
async function witness(fairway, name, subscribed) {
  const { createWorkspace } = await fairway.ask(
    'mutation ($name: String!) { createWorkspace(input: { name: $name }) { workspace { id } } }', { name });
  const workspace = createWorkspace.workspace.id;
  await fairway.ask(
    'mutation ($input: BindNamespacesInput!) { bindNamespaces(input: $input) { namespaces { id } } }',
    { input: { workspaceId: workspace, namespaces: [{ name }] } });
  const { spaces } = await fairway.ask(
    '{ spaces(filter: { visibility: PRIVATE }, first: 50) { nodes { id name imageCount registry { scope } } } }');
  const space = spaces.nodes.find(({ imageCount, registry }) => imageCount > 0 && registry.scope === 'PLATFORM');
  const bind = () => fairway.ask(
    'mutation ($input: BindSpacesInput!) { bindSpaces(input: $input) { created } }',
    { input: { spaceIds: [space.id], workspaceIds: [workspace] } });
  const event = await subscribed({ namespace: { name } }, bind);
  if (event.kind !== 'BECAME_AVAILABLE' || !event.reference.includes(`/${space.name}/`)) throw new Error(JSON.stringify(event));
}

/** Lets a registry die while `subscribed` waits for the event of it. */
async function witnessDeath(fairway, name, subscribed) {
  const registry = createServer((request, response) => {
    response.setHeader('Content-Type', 'application/json');
    response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
    response.end(request.url.startsWith('/v2/_catalog') ? '{"repositories":[]}' : '{}');
  });
  await new Promise((listening) => registry.listen(0, '127.0.0.1', listening));
  try {
    const { integrateRegistry } = await fairway.ask(
      'mutation ($input: IntegrateRegistryInput!) { integrateRegistry(input: $input) { registry { id } } }',
      { input: { name, kind: 'DOCKER_REGISTRY', address: `http://127.0.0.1:${registry.address().port}` } });
    const { id } = integrateRegistry.registry;
    const die = async () => {
      registry.close();
      registry.closeAllConnections();
      await fairway.ask('mutation ($id: ID!) { refreshRegistry(input: { id: $id }) { registry { id } } }', { id });
    };
    const changed = await subscribed({ id }, die);
    if (changed.id !== id || changed.health.state !== 'UNREACHABLE') throw new Error(JSON.stringify(changed));
    await fairway.ask('mutation ($id: ID!) { removeRegistry(input: { id: $id, force: true }) { removedId } }', { id });
  } finally {
    registry.close();
  }
}

async function overWebSocket(fairway) {
  const first = (query) => async (variables, act) => {
    const client = createWsClient({
      url: `${fairway.origin.replace('http', 'ws')}/graphql/ws`,
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: fairway.authorization },
      retryAttempts: 0,
    });
    try {
      const first = client.iterate({ query, variables }).next();
      // Operations begin in the order in which they are sent: when this one is answered, the one before stands.
      for await (const _ of client.iterate({ query: '{ viewer { subject } }' }));
      await act();
      return Object.values((await first).value.data)[0];
    } finally {
      await client.dispose();
    }
  };
  await witness(fairway, 'events-ws', first(IMAGE_EVENTS));
  await witnessDeath(fairway, 'dying-ws', first(HEALTH_CHANGES));
}

async function overEventStream(fairway) {
  const first = (query) => async (variables, act) => {
    let connected;
    const standing = new Promise((resolve) => (connected = resolve));
    const client = createSseClient({
      url: `${fairway.origin}/graphql`,
      headers: { authorization: fairway.authorization },
      retryAttempts: 0,
      on: { connected },
    });
    try {
      const first = client.iterate({ query, variables }).next();
      await standing;
      await act();
      return Object.values((await first).value.data)[0];
    } finally {
      client.dispose();
    }
  };
  await witness(fairway, 'events-sse', first(IMAGE_EVENTS));
  await witnessDeath(fairway, 'dying-sse', first(HEALTH_CHANGES));
}
