import type {
  AnalysisStatus,
  CanaryReleaseSpec,
  CanaryReleaseStatus,
  Problem,
  Reason,
  ReleaseCommandSpec,
  ReleaseReport,
} from '../api/index.ts';

/** What `decide` knows of one revision's Deployment. */
export interface Workload {
  /** `spec.replicas`. */
  readonly replicas: number;
  /** Pods that are ready to serve. */
  readonly ready: number;
  /** Pods that exist, ready or not. */
  readonly pods: number;
  /** The Deployment differs from what Songbird would apply for this revision, its replicas aside. */
  readonly drifted: boolean;
  /** When the release began whose report is kept with the Deployment; undefined where none is. */
  readonly report?: string | undefined;
  /** A container that cannot start, as a sentence. */
  readonly problem?: Problem | undefined;
}

/** The Deployment of a fresh baseline; see baseline.ts. */
export interface Baseline extends Workload {
  /** The revision whose template its pods have. */
  readonly revision: string;
}

/** The routes as they stand at the API server. */
export interface TrafficView {
  /** Percent by revision, zero weights left out; undefined where Songbird has made no route. */
  readonly weights: Readonly<Record<string, number>> | undefined;
  /** Revisions that routes could name. */
  readonly subsets: readonly string[];
  /** Something other than weights and subsets differs from what Songbird would write. */
  readonly drifted: boolean;
  /** False while the mesh itself says that it has not taken the present routes over. */
  readonly effective: boolean;
}

/** A ReleaseCommand that is about this release. */
export interface PendingCommand {
  readonly name: string;
  readonly uid: string;
  readonly spec: ReleaseCommandSpec;
  /** When it was created (ms since the epoch): commands are taken in this order. */
  readonly createdAt: number;
  /** When its status was set (ms since the epoch). */
  readonly finishedAt?: number | undefined;
}

/** Whether the source of request counts can be read, as far as it was tried in this pass. */
export type TelemetryState =
  | { readonly state: 'unused' }
  /** `counted`: it has answered with counts of this release at least once, be they zero. */
  | { readonly state: 'readable'; readonly counted: boolean }
  | { readonly state: 'failing'; readonly problem: Problem };

/** Everything that one pass has seen: plain data, no functions, no clock. */
export interface Observed {
  readonly name: string;
  readonly generation: number;
  readonly deleting: boolean;
  readonly hasFinalizer: boolean;
  readonly spec: CanaryReleaseSpec;
  readonly status: CanaryReleaseStatus;
  /** The revision of `spec.template`. */
  readonly target: string;
  /** By revision: every Deployment that carries this release's label, baselines aside. */
  readonly workloads: Readonly<Record<string, Workload>>;
  /** By name of the Deployment; left out where there are none. */
  readonly baselines?: Readonly<Record<string, Baseline>> | undefined;
  /** `foreign`: a Service of someone else, used as it is. */
  readonly service: 'absent' | 'ok' | 'drifted' | 'foreign';
  readonly traffic: TrafficView;
  /** The wall clock was set forward since the present weight was observed: not all of that time was watched. */
  readonly timeSkipped?: boolean | undefined;
  /** What must be mended before this manifest may touch traffic. */
  readonly problems: readonly Problem[];
  /** The last write for this release was refused for a reason that only a person can mend. */
  readonly refusedWrite?: Problem | undefined;
  readonly commands: readonly PendingCommand[];
  readonly telemetry: TelemetryState;
  /** Jobs that measure for this release, by name; left out where there are none. */
  readonly jobs?: Readonly<Record<string, 'running' | 'ended'>> | undefined;
  /** The candidate's analysis with all that has been read up to now. */
  readonly analysis?: AnalysisStatus | undefined;
}

/** One write to the outside. `act` carries it out; when it fails or is lost, the next pass decides afresh. */
export type Effect =
  | { readonly kind: 'addFinalizer' }
  | { readonly kind: 'removeFinalizer' }
  | { readonly kind: 'applyService' }
  /** Creates or corrects the Deployment of the revision that `spec.template` describes. */
  | { readonly kind: 'applyDeployment'; readonly revision: string; readonly replicas: number }
  /** Changes the replicas alone: the template of an earlier revision is only in its Deployment. */
  | { readonly kind: 'scaleDeployment'; readonly revision: string; readonly replicas: number }
  | { readonly kind: 'deleteDeployment'; readonly revision: string }
  /** Creates, scales or corrects a fresh baseline by the template in the stable revision's Deployment. */
  | {
      readonly kind: 'applyBaseline';
      readonly revision: string;
      readonly attempt: number;
      readonly replicas: number;
    }
  | { readonly kind: 'deleteBaseline'; readonly name: string }
  | {
      readonly kind: 'route';
      readonly weights: Readonly<Record<string, number>>;
      readonly subsets: readonly string[];
      /** Only the weights of the existing routes: set while the manifest has problems. */
      readonly weightsOnly: boolean;
      /** Takes weight from a candidate: must not queue behind routine writes. */
      readonly urgent: boolean;
    }
  | { readonly kind: 'unroute' }
  /** Creates the Job of a measurement whose beginning is in status. */
  | {
      readonly kind: 'createJob';
      readonly metric: string;
      readonly name: string;
      readonly revision: string;
      readonly startedAt: string;
    }
  | { readonly kind: 'deleteJob'; readonly name: string }
  /** Keeps a report with the Deployment of the revision that it is about. Nothing depends on it. */
  | { readonly kind: 'keepReport'; readonly revision: string; readonly report: ReleaseReport }
  | {
      readonly kind: 'finishCommand';
      readonly name: string;
      readonly uid: string;
      readonly phase: 'Executed' | 'Refused';
      readonly message: string;
      readonly at: string;
    }
  | { readonly kind: 'deleteCommand'; readonly name: string; readonly uid: string };

/** One about a ReleaseCommand. */
export type CommandEffect = Extract<Effect, { readonly kind: 'finishCommand' | 'deleteCommand' }>;

export interface ReleaseEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: Reason;
  readonly message: string;
}

export interface Decision {
  /** Written before the effect, when it differs from the present status. */
  readonly status: CanaryReleaseStatus;
  readonly effect: Effect | undefined;
  /** To be told once the status is written. */
  readonly events: readonly ReleaseEvent[];
  /** When to look again even if nothing happens (ms since the epoch). */
  readonly requeueAt: number | undefined;
}

/** How many pods of a revision are ready to serve. */
export function readyPods({ workloads }: Pick<Observed, 'workloads'>, revision: string): number {
  return workloads[revision]?.ready ?? 0;
}

/** RFC 3339 with milliseconds, as everything in status. */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** Milliseconds since the epoch of an RFC 3339 time. */
export function ms(time: string): number {
  return Date.parse(time);
}
