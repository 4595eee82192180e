// One question to the graph, and what can come of it.
import type { TypedDocumentString } from './gql/graphql';

/** What the graph refuses with, as far as its codes go. */
export interface Refusal {
  code: string;
  message: string;
  retryable: boolean;
  requestId: string | undefined;
}

/** Nothing was answered, and why. */
export class GraphError extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.message);
  }
}

/** An answer: some of its fields may be null because of a refusal. */
export interface Answer<Data> {
  data: Data;
  refusals: Refusal[];
}

interface Body<Data> {
  data?: Data | null;
  errors?: { message: string; extensions?: { code?: string; retryable?: boolean; requestId?: string } }[];
}

/**
 * Asks the graph.
 *
 * @throws GraphError when there is no answer at all; what `signal` throws when it is aborted.
 */
export async function ask<Data, Variables>(
  token: string,
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
  signal: AbortSignal,
): Promise<Answer<Data>> {
  let body: Body<Data>;
  try {
    const response = await fetch('/graphql', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json', Authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: document.toString(), variables }),
      signal,
    });
    body = (await response.json()) as Body<Data>;
  } catch (error) {
    signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    throw new GraphError({ code: 'NETWORK', message, retryable: true, requestId: undefined });
  }
  const refusals = (body.errors ?? []).map(({ message, extensions }) => ({
    code: extensions?.code ?? 'INTERNAL_SERVER_ERROR',
    message,
    retryable: extensions?.retryable ?? false,
    requestId: extensions?.requestId,
  }));
  const [first] = refusals;
  if (body.data == null) {
    throw new GraphError(first ?? { code: 'NETWORK', message: 'no answer', retryable: true, requestId: undefined });
  }
  return { data: body.data, refusals };
}
