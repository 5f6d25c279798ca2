/** What the dashboard's server tells its page. Plain data, so that both sides, and tests, can be held to it. */

import type { HistoryEntry, MetricStatus, Outcome, Phase, StepStatus, ValueStatus } from '../api/index.ts';

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
  /** When the release that the curves are of was over, and how. */
  readonly ended: Ended | undefined;
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

export interface Ended {
  /** ms since the epoch. */
  readonly at: number;
  readonly outcome: Outcome;
}

export interface MetricView extends Omit<MetricStatus, 'state'> {
  /** What its share is of, such as `slower than 500ms`. */
  readonly bad: string;
}

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
  /** All that there is comes now, the most urgent first; what is not among it is gone. */
  readonly reset: null;
  /** Those that are new or have changed. */
  readonly releases: readonly Summary[];
  /** The keys of those that are gone, or that the person may no longer see. */
  readonly gone: readonly string[];
  /** All that there is has come. */
  readonly complete: null;
  /** The one that is looked at; null when there is none of that name. */
  readonly detail: Detail | null;
  /** Null where the person may not see them. */
  readonly pods: readonly PodView[] | null;
  readonly events: readonly EventView[] | null;
  /** Whether the person may order something of the release that is looked at. */
  readonly rights: { readonly mayCommand: boolean };
  /** Since when the cluster has not answered (ms since the epoch): what is shown is of that time. Null when it does. */
  readonly away: number | null;
  /** The person is no longer let in: the token has expired, or the session has ended. */
  readonly out: null;
}

/** Who looks, at `GET /api/session`. */
export interface Session {
  /** Null where they must show who they are first. */
  readonly name: string | null;
  /** There is a session that they can end. */
  readonly canLeave: boolean;
}

/** What became of an order, at `POST /api/commands`. */
export interface Ordered {
  /** Undefined where the operator has not said so in time, or the person may not read it. */
  readonly phase: 'Executed' | 'Refused' | undefined;
  readonly message: string;
}
