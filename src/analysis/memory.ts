import { type MetricState, metricState } from '../api/index.ts';
import { NONE } from './counts.ts';
import type { EventEvidence } from './evidence.ts';
import { emptyEvidence } from './evidence.ts';
import type { Counts } from './telemetry.ts';

/** What the next pass goes on from, as status holds it. */
export interface Memory {
  readonly evidence: EventEvidence;
  /** When the window was observed to which the latest events belong (ms since the epoch). */
  readonly windowFrom: number | undefined;
}

/**
 * For status: without the events of both sides, which are there in their own right, and what the latest interval excused.
 *
 * @param counts what is counted, in a few words that change when it does
 */
export function remember({ evidence, windowFrom }: Memory, counts: string): Record<string, unknown> {
  const { candidate, stable, excused, ...rest } = evidence;
  return {
    evidence: rest,
    ...(windowFrom === undefined ? {} : { windowFrom: new Date(windowFrom).toISOString() }),
    counts,
  };
}

/** Statuses are read far more often than written, and those that were just written are known. */
const known = new WeakMap<object, MetricState | undefined>();

function read(state: Readonly<Record<string, unknown>> | undefined): MetricState | undefined {
  if (state === undefined) return undefined;
  if (!known.has(state)) known.set(state, metricState.safeParse(state).data);
  return known.get(state);
}

/** What status says was counted; undefined where it says nothing that can be read. */
export function countedIn(state: Readonly<Record<string, unknown>> | undefined): string | undefined {
  return read(state)?.counts;
}

/** False where status is about something else that had the same name. */
export function isAbout(state: Readonly<Record<string, unknown>> | undefined, counts: string): boolean {
  const before = countedIn(state);
  return before === undefined || before === counts;
}

/**
 * What {@link remember} gave. What another version wrote otherwise, or somebody has edited, is forgotten: evidence then
 * begins anew, which may delay a verdict and cannot make a wrong one.
 *
 * @param counts the events of both sides so far
 */
export function recall(
  state: Readonly<Record<string, unknown>> | undefined,
  counts: { readonly candidate: Counts; readonly stable: Counts },
): Memory {
  const valid = read(state);
  return {
    evidence: { ...(valid?.evidence ?? emptyEvidence()), excused: NONE, ...counts },
    windowFrom: valid?.windowFrom === undefined ? undefined : Date.parse(valid.windowFrom),
  };
}
