import type { SecretKeyRef } from '../../api/index.ts';
import type { Notice } from '../notice.ts';

/** A message that a service made, by which it can be updated. */
export interface Handle {
  readonly id: string;
  readonly channel?: string | undefined;
}

/** What is to be sent. */
export interface Outgoing {
  readonly method: 'POST' | 'PATCH';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly tls?: { readonly ca: string } | undefined;
}

/** What came back. */
export interface Incoming {
  readonly status: number;
  readonly retryAfter?: string | undefined;
  readonly body: string;
}

/** What an answer means. */
export type Outcome =
  | { readonly kind: 'delivered'; readonly message?: Handle | undefined }
  /** The message that was to be updated is not there, or cannot be updated any more. */
  | { readonly kind: 'gone' }
  /** Later it may work; `afterMs` where the service says when. */
  | { readonly kind: 'busy'; readonly message: string; readonly afterMs?: number | undefined }
  /** It won't work until a person mends something. */
  | { readonly kind: 'refused'; readonly message: string };

/** What a request is made of. */
export interface Draft {
  readonly notice: Notice;
  readonly template: string | undefined;
  /** The message to update; a new one when undefined. */
  readonly update: Handle | undefined;
  /** The text of a Secret's key. */
  readonly read: (ref: SecretKeyRef) => string;
  /** ms since the epoch. */
  readonly now: number;
}

/** One kind of receiver: pure, all that is sent and what answers mean. */
export interface Service {
  /** It can update a message that it made. */
  readonly updates: boolean;
  /** What must be read before a request can be made. */
  readonly secrets: readonly SecretKeyRef[];
  /** @throws BadAddress when a Secret holds no URL that can be asked */
  request(draft: Draft): Outgoing;
  outcome(answer: Incoming, now: number): Outcome;
}

/** What a Secret holds is no address. */
export class BadAddress extends Error {
  override readonly name = 'BadAddress';
}

const SHORTEST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 3_600_000;

/**
 * The URL that a Secret holds.
 * @throws BadAddress: without its text, which is secret
 */
export function addressIn(ref: SecretKeyRef, read: Draft['read']): URL {
  const url = URL.parse(read(ref).trim());
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new BadAddress(
    `key ${ref.key} of Secret ${ref.name} holds no URL with http:// or https://: put the address there`,
  );
}

/** What an HTTP status means where the service does not say more. */
export function outcomeOf(answer: Incoming, now: number): Outcome {
  const { status } = answer;
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  if (status === 429) {
    return { kind: 'busy', message: 'it asks for fewer requests (429)', afterMs: waitOf(answer, now) };
  }
  if (status >= 500 || status === 408 || status === 425) {
    return { kind: 'busy', message: `it answers ${status}`, afterMs: waitOf(answer, now) };
  }
  // Followed, it would lead to where nobody has allowed a token to be sent.
  const mend =
    status >= 300 && status < 400
      ? 'it leads elsewhere, which is not followed: give the address where it ends'
      : 'is its address, or its token, right?';
  return { kind: 'refused', message: `it answers ${status}; ${mend}` };
}

/** How long the service asks to wait (ms), by its header Retry-After: seconds or a date. */
export function waitOf({ retryAfter }: Incoming, now: number): number | undefined {
  if (retryAfter === undefined) return undefined;
  const seconds = Number(retryAfter);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(retryAfter) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, SHORTEST_WAIT_MS), LONGEST_WAIT_MS) : undefined;
}

/** The fields of a JSON object; none where it is none. */
export function fieldsIn(body: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(body);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    // Services answer pages of HTML when they are down.
    return {};
  }
}

export function textIn(fields: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}

export const JSON_TYPE = 'application/json; charset=utf-8';
