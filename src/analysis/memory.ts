import { type MetricState, metricState } from '../api/index.ts';
import type { EventEvidence } from './evidence.ts';
import { emptyEvidence } from './evidence.ts';
import type { Recent } from './excuse.ts';
import type { Counts } from './telemetry.ts';

/** What the next pass goes on from, as status holds it. */
export interface Memory {
  readonly evidence: EventEvidence;
  readonly recent: Recent | undefined;
}

/** For status: without the events of both sides, which are there in their own right. */
export function remember({ evidence, recent }: Memory): Record<string, unknown> {
  const { candidate, stable, ...rest } = evidence;
  return { evidence: rest, ...(recent === undefined ? {} : { recent }) };
}

/** Statuses are read far more often than written, and those that were just written are known. */
const known = new WeakMap<object, MetricState | undefined>();

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
  if (state !== undefined && !known.has(state)) known.set(state, metricState.safeParse(state).data);
  const valid = state === undefined ? undefined : known.get(state);
  return { evidence: { ...(valid?.evidence ?? emptyEvidence()), ...counts }, recent: valid?.recent };
}
