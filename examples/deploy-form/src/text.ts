// What the form says, in people's words.
import type { Availability } from './gql/graphql';
import type { Refusal } from './graph';

/** What a refusal means here, and what to do about it, by its code; codes are stable, messages are not. */
const REFUSALS: Record<string, (refusal: Refusal) => string> = {
  UNAUTHENTICATED: () => 'You are not signed in, or no longer. Give a token that is valid.',
  FORBIDDEN: () => 'You may not do this. An Admin of the workspace may.',
  NOT_FOUND: () => 'It is not there, or not for you.',
  BAD_USER_INPUT: ({ message }) => `Fairway cannot use this: ${message}.`,
  UPSTREAM_UNAVAILABLE: () => 'The registry does not answer. Try again in a moment.',
  UPSTREAM_UNAUTHORIZED: () => 'The registry refuses the account that Fairway has there. An Admin has to renew it.',
  UPSTREAM_REJECTED: ({ message }) => `The registry refuses: ${message}.`,
  QUERY_TOO_COMPLEX: () => 'That is too much at a time. Search for something narrower.',
  TIMEOUT: () => 'It took too long. Try again in a moment.',
  NETWORK: () => 'Fairway cannot be reached. Try again in a moment.',
};

export function textOf(refusal: Refusal): string {
  const text = REFUSALS[refusal.code];
  if (text) return text(refusal);
  const id = refusal.requestId ? ` Tell your platform's people this: ${refusal.requestId}.` : '';
  return `Something went wrong.${id}`;
}

/** Why an image is in the list. */
export const VIA: Record<Availability, string> = {
  PUBLIC: 'public',
  BOUND: 'bound to your workspace',
  WORKSPACE_REGISTRY: "your workspace's registry",
};

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always' });

/** How long ago a moment was, such as `3 minutes ago`. */
export function ageOf(moment: string, now = Date.now()): string {
  // Clocks differ: what is a little ahead is of now.
  const secs = Math.max(0, Math.round((now - Date.parse(moment)) / 1000));
  const [unit, length] = UNITS.find(([, length]) => secs >= length) ?? ['second', 1];
  return relative.format(-Math.floor(secs / length), unit);
}
