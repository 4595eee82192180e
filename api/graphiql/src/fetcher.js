// How documents reach the graph: over HTTP, and subscriptions over a WebSocket.
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { createClient } from 'graphql-ws';

// The page stands at the graph's own address, whatever is before it.
const url = location.pathname;

/** A fetcher that asks with this token, unless the headers editor names another. */
export function createFetcher(token) {
  const authorization = token ? { Authorization: `Bearer ${token}` } : {};
  const address = new URL(`${url.replace(/\/$/, '')}/ws`, location.href);
  address.protocol = address.protocol.replace('http', 'ws');
  return createGraphiQLFetcher({
    url,
    headers: authorization,
    // No answer of Fairway comes in parts.
    enableIncrementalDelivery: false,
    // It connects when the first subscription is run. A refusal is shown, not tried again.
    wsClient: createClient({ url: address.href, connectionParams: authorization, retryAttempts: 0 }),
  });
}

/** The viewer whom the graph sees behind this token, or why it sees none. */
export async function findViewer(token, signal) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: '{ viewer { subject name isAdmin } }' }),
    signal,
  });
  const { data, errors } = await response.json();
  return data?.viewer ?? Promise.reject(new Error(errors?.[0]?.message ?? response.statusText));
}
