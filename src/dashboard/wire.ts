/** What the dashboard's server tells its page. Plain data, so that both sides, and tests, can be held to it. */

import type { HistoryEntry, MetricStatus, Phase, StepStatus, ValueStatus } from '../api/index.ts';

/** One line of the list. */
export interface Summary {
  /** `namespace/name`. */
  readonly key: string;
  /** Undefined until the operator has seen it. */
  readonly phase: Phase | undefined;
  readonly step: { readonly index: number; readonly of: number } | undefined;
  /** What the routes give the candidate (percent). */
  readonly weight: number;
  readonly message: string;
  /** Something is to be mended by a person. */
  readonly stalled: boolean;
}

/** All of one release. */
export interface Detail extends Summary {
  readonly stable: string | undefined;
  readonly candidate: string | undefined;
  readonly rejected: string | undefined;
  /** Revisions to which one can return. */
  readonly retired: readonly string[];
  readonly paused: boolean;
  readonly steps: readonly StepView[];
  readonly progress: StepStatus | undefined;
  /** Until then the present step must get further (ms since the epoch). */
  readonly deadline: number | undefined;
  readonly metrics: readonly MetricView[];
  readonly values: readonly Pick<ValueStatus, 'name' | 'verdict' | 'message' | 'dryRun'>[];
  readonly history: readonly HistoryEntry[];
  /** How it went, as far as the server saw it. */
  readonly curves: Curves;
  /** What breaks a rule of the manifest. */
  readonly problems: readonly string[];
}

/** Curves over time; times in ms since the epoch. */
export interface Curves {
  /** What the routes gave the candidate (percent), each until the next. */
  readonly weight: readonly (readonly [at: number, percent: number])[];
  /** By the metric's name: shares of bad events (0–1) since the point before, null where there were no events. */
  readonly metrics: Readonly<Record<string, readonly CurvePoint[]>>;
}

export type CurvePoint = readonly [
  at: number,
  candidate: number | null,
  stable: number | null,
  /** log10 */
  evidence: number,
];

export type MetricView = Omit<MetricStatus, 'state'>;

export interface StepView {
  readonly weight: number;
  /** How long it is watched (ms). */
  readonly forMs: number;
  readonly pause: boolean;
}

/** A pod of the release that somebody looks at. */
export interface PodView {
  readonly name: string;
  readonly revision: string;
  readonly ready: boolean;
  readonly restarts: number;
  /** Why it is not ready, where the kubelet says. */
  readonly why: string | undefined;
}

/** A Kubernetes Event about it. */
export interface EventView {
  readonly at: string;
  readonly warning: boolean;
  readonly reason: string;
  readonly note: string;
}

/** By the name of the server-sent event. */
export interface Told {
  /** All releases that the person may see; comes first, and again when that changes. */
  readonly list: readonly Summary[];
  /** One that is new or has changed. */
  readonly release: Summary;
  /** The key of one that is gone. */
  readonly gone: string;
  /** The one that is looked at; null when there is none of that name. */
  readonly detail: Detail | null;
  readonly pods: readonly PodView[];
  readonly events: readonly EventView[];
  /** Who looks, and what they may order of the release that they look at. */
  readonly person: { readonly name: string; readonly mayCommand: boolean };
  /** The cluster does not answer: what is shown is of that time (ms since the epoch). */
  readonly away: number;
}
