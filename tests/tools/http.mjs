// GraphQL over HTTP as its specification has it, and events over both transports, as the clients most used have them.
import { auditServer } from 'graphql-http';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import WebSocket from 'ws';

const IMAGE_EVENTS = 'subscription ($namespace: NamespaceKey!) { imageEvents(namespace: $namespace) { kind reference } }';

/** How many this version of it has: fewer would mean that something was not asked. */
const N_AUDITS = 61;

export const checks = ({ fairway }) => [
  { tool: 'graphql-http', does: 'audits', run: () => audit(fairway) },
  { tool: 'graphql-ws', does: 'is told of events', run: () => overWebSocket(fairway) },
  { tool: 'graphql-sse', does: 'is told of events', run: () => overEventStream(fairway) },
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

function overWebSocket(fairway) {
  return witness(fairway, 'events-ws', async (variables, act) => {
    const client = createWsClient({
      url: `${fairway.origin.replace('http', 'ws')}/graphql/ws`,
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: fairway.authorization },
      retryAttempts: 0,
    });
    try {
      const first = client.iterate({ query: IMAGE_EVENTS, variables }).next();
      // Operations begin in the order in which they are sent: when this one is answered, the one before stands.
      for await (const _ of client.iterate({ query: '{ viewer { subject } }' }));
      await act();
      return (await first).value.data.imageEvents;
    } finally {
      await client.dispose();
    }
  });
}

function overEventStream(fairway) {
  return witness(fairway, 'events-sse', async (variables, act) => {
    let connected;
    const standing = new Promise((resolve) => (connected = resolve));
    const client = createSseClient({
      url: `${fairway.origin}/graphql`,
      headers: { authorization: fairway.authorization },
      retryAttempts: 0,
      on: { connected },
    });
    try {
      const first = client.iterate({ query: IMAGE_EVENTS, variables }).next();
      await standing;
      await act();
      return (await first).value.data.imageEvents;
    } finally {
      client.dispose();
    }
  });
}
