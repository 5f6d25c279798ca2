import type { Moment, Told } from '../api/index.ts';
import { iso, ms } from '../core/model.ts';
import { type Attempt, type Standing, type Subject, endOf, isEnd, latestOf } from './standing.ts';

/** To whom a target speaks, and how. */
export interface Audience {
  /** Which moments make a message. */
  readonly on: readonly Moment[];
  /** The service can update a message. */
  readonly updates: boolean;
  /** What happened up to then is not told, unless something was told of the same release (ms since the epoch). */
  readonly since: number;
}

/** What to do about a release for one target. */
export interface Next {
  readonly due?: { readonly standing: Standing; readonly how: 'post' | 'update' } | undefined;
  /** When to look again even if nothing happens (ms since the epoch). */
  readonly lookAt?: number | undefined;
}

/** So many releases of a target are known; with more, those told of longest ago are forgotten. */
export const MOST_TOLD = 100;
/** So many things told of one release are known. */
const MOST_KEYS = 40;

/**
 * The message that is due to a target: a function of what was told and of how the release stands, so that it is the same
 * after a restart. What came and went while nobody could be told is left out; the end of a release that was told of is not.
 */
export function nextOf(told: Told | undefined, subject: Subject, audience: Audience, now: number): Next {
  const known = told?.uid === subject.uid ? told : undefined;
  const latest = latestOf(subject, now);
  const lookAt = latest?.lookAt;
  if (known === undefined) {
    const isNew = latest?.standing !== undefined && latest.standing.at > audience.since;
    return { due: isNew ? dueOf(undefined, latest.standing, audience) : undefined, lookAt };
  }
  const attempt = attemptOf(known);
  if (latest !== undefined && isSame(latest.attempt, attempt)) {
    return { due: dueOf(known, latest.standing, audience), lookAt };
  }
  const due = dueOf(known, endOf(attempt, subject), audience);
  if (due !== undefined || latest === undefined || latest.attempt.number < attempt.number)
    return { due, lookAt };
  return { due: dueOf(undefined, latest.standing, audience), lookAt };
}

/** What was told, with one more message that was delivered, or given up. The message that a service made is to be kept. */
export function withTold(
  list: readonly Told[],
  target: string,
  subject: Subject,
  standing: Standing,
  message: Told['message'],
): Told[] {
  const known = list.find((told) => isAbout(told, target, subject.name));
  const isOn = known?.uid === subject.uid && isSame(attemptOf(known), standing.attempt);
  const kept = message ?? (isOn ? known.message : undefined);
  const earlier = isOn ? known.keys.filter((key) => key !== standing.key) : [];
  const entry: Told = {
    target,
    release: subject.name,
    uid: subject.uid,
    attempt: standing.attempt.number,
    id: standing.attempt.id,
    revision: standing.attempt.revision,
    keys: [...earlier, standing.key].slice(-MOST_KEYS),
    at: iso(standing.at),
    ...(kept === undefined ? {} : { message: kept }),
  };
  return [...list.filter((told) => told !== known), entry];
}

/**
 * No more than is to be known of a target.
 * @returns what is left, and from when on a release counts as new (ms since the epoch): those forgotten must not
 */
export function bounded(
  list: readonly Told[],
  target: string,
  since: number,
): { readonly told: Told[]; readonly since: number } {
  const own = list.filter((told) => told.target === target);
  const surplus = new Set(own.slice(0, Math.max(0, own.length - MOST_TOLD)));
  return {
    told: list.filter((told) => !surplus.has(told)),
    since: Math.max(since, ...[...surplus].map(({ at }) => ms(at))),
  };
}

/** True of what was told to this target of the release of this name. */
export function isAbout(told: Told, target: string, release: string): boolean {
  return told.target === target && told.release === release;
}

function dueOf(
  known: Told | undefined,
  standing: Standing | undefined,
  { on, updates }: Audience,
): Next['due'] {
  if (standing === undefined) return undefined;
  const { keys = [], message } = known ?? {};
  if (keys.some(isEnd) || keys.at(-1) === standing.key) return undefined;
  if (updates && message !== undefined) return { standing, how: 'update' };
  const isWanted = on.includes(standing.moment) && !keys.includes(standing.key);
  return isWanted ? { standing, how: 'post' } : undefined;
}

function attemptOf({ attempt: number, id, revision }: Told): Attempt {
  return { number, id, revision };
}

function isSame(a: Attempt, b: Attempt): boolean {
  return a.number === b.number && a.id === b.id && a.revision === b.revision;
}
