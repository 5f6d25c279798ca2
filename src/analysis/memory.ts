import { type EvidenceState, evidenceState } from '../api/index.ts';
import type { EventEvidence } from './evidence.ts';

/** The evidence as status holds it: without the events of both sides, which are there in their own right. */
export function remember({ candidate, stable, ...state }: EventEvidence): Record<string, unknown> {
  return state;
}

/** Statuses are read far more often than written, and those that were just written are known. */
const known = new WeakMap<object, EvidenceState | undefined>();

/**
 * What {@link remember} gave. What another version wrote otherwise, or somebody has edited, is forgotten: evidence then
 * begins anew, which may delay a verdict and cannot make a wrong one.
 */
export function recall(state: Readonly<Record<string, unknown>> | undefined): EvidenceState | undefined {
  if (state === undefined) return undefined;
  if (!known.has(state)) known.set(state, evidenceState.safeParse(state).data);
  return known.get(state);
}
