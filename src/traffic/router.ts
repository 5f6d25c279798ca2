import type { CanaryRelease, Problem } from '../api/index.ts';
import type { TrafficView } from '../core/model.ts';

/** What the routes of a release are to be. */
export interface DesiredTraffic {
  /** Percent by revision; integers that sum to 100 (`weights-sum`). */
  readonly weights: Readonly<Record<string, number>>;
  /** Revisions that routes may name. */
  readonly subsets: readonly string[];
  /** Keep everything but the weights as it is: the manifest has problems that must not reach traffic. */
  readonly weightsOnly: boolean;
  /** Requests fail until the weights are changed: nothing that can wait goes ahead of them. */
  readonly urgent: boolean;
}

/** A write to one of the router's objects. */
export type TrafficWrite<O> =
  { readonly kind: 'apply'; readonly object: O } | { readonly kind: 'delete'; readonly object: O };

/**
 * A way of splitting traffic. Pure: reads the router's objects and plans writes to them, one at a time, in the order that
 * loses no request: what routes name exists before they name it, and goes only after.
 *
 * @typeParam L the router's live objects
 * @typeParam O an object that the router writes
 */
export interface Router<L, O> {
  read(release: CanaryRelease, live: L): TrafficView;
  /** The next write towards `desired`; undefined when nothing is left to do. */
  plan(release: CanaryRelease, desired: DesiredTraffic, live: L): TrafficWrite<O> | undefined;
  /** The next write towards no routes at all. */
  remove(release: CanaryRelease, live: L): TrafficWrite<O> | undefined;
  /** What keeps this router from working with the present objects. */
  check(release: CanaryRelease, live: L): Problem[];
}
