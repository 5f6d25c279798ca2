import type { Action } from '../../api/index.ts';

/** How a version behaves, by its image. Times in ms. */
export interface Version {
  /** Share of requests that fail (0–1). */
  readonly errors: number;
  /** From running to ready; null for never. */
  readonly readyMs: number | null;
  /** Its containers end so long after they start, again and again. */
  readonly crashMs?: number;
}

/** The fields of a CanaryRelease's spec that plans set; times as in a manifest. */
export interface SpecOfPlan {
  readonly replicas: number;
  readonly steps: readonly { readonly weight: number; readonly for?: string; readonly pause?: boolean }[];
  readonly progressDeadline: string;
  readonly scaleDownDelay: string;
  readonly revisionHistoryLimit: number;
  readonly analysis: {
    readonly errorRate: { readonly max?: string };
    readonly minRequests: number;
    readonly onInconclusive: 'rollback' | 'pause';
    readonly advance: 'dwell' | 'onEvidence';
    readonly freshBaseline: boolean;
    /** The pods' proxies, when left out. */
    readonly source?: 'proxies' | 'prometheus';
    /** Of its own, besides what is counted. */
    readonly metrics?: readonly MetricOfPlan[];
  };
}

/** A metric as in a manifest. */
export type MetricOfPlan = Readonly<Record<string, unknown>> & { readonly count?: number };

/** Whose Deployment, pods or revision something is about, as the status says at that moment. */
export type Who = 'stable' | 'candidate' | 'target' | 'rejected' | 'retired';

/** What people, GitOps and autoscalers do, at a time (ms from the beginning). */
export type Edit = { readonly at: number } & (
  | { readonly edit: 'image'; readonly image: string }
  | { readonly edit: 'command'; readonly action: Action; readonly who: Who }
  /** A JSON merge patch of spec. */
  | { readonly edit: 'spec'; readonly change: Readonly<Record<string, unknown>> }
  /** A manifest that cannot work, and its mending. */
  | { readonly edit: 'mistake'; readonly change: Readonly<Record<string, unknown>>; readonly forMs: number }
  /** Someone gives the candidate this weight by hand. */
  | { readonly edit: 'weights'; readonly candidate: number }
  /** An autoscaler of the CanaryRelease, through its scale subresource. */
  | { readonly edit: 'autoscale'; readonly replicas: number }
  /** Someone scales a Deployment by hand. */
  | { readonly edit: 'scale'; readonly who: Who; readonly replicas: number }
  | { readonly edit: 'template'; readonly who: Who }
  | { readonly edit: 'annotate'; readonly object: EditedObject }
  | { readonly edit: 'remove'; readonly object: EditedObject }
  /** Someone puts a DestinationRule of their own in place of the release's, and takes it away again. */
  | { readonly edit: 'replace'; readonly forMs: number }
  /** The CanaryRelease is deleted, and after a time applied again. */
  | { readonly edit: 'recreate'; readonly afterMs: number }
);

export type EditedObject =
  'VirtualService' | 'DestinationRule' | 'Service' | 'Deployment of stable' | 'Deployment of the candidate';

/** What can go wrong with one request to the API server. */
export const CALL_FAULTS = [
  'crash before',
  'crash after',
  'lost',
  'timeout',
  '409',
  '422',
  '429',
  '500',
  'denied',
  'late',
] as const;
export type CallFault = (typeof CALL_FAULTS)[number];

/** What can go wrong with one event of a watch. */
export const EVENT_FAULTS = ['dropped', 'late', 'doubled', 'gone', 'crash'] as const;
export type EventFault = (typeof EVENT_FAULTS)[number];

/** What proxies can answer that is no good. */
export const TELEMETRY_FAULTS = [
  'down',
  'slow',
  'empty',
  'stale',
  'nonsense',
  'flapping',
  'partial',
  'wrong',
] as const;
export type TelemetryFault = (typeof TELEMETRY_FAULTS)[number];

/** What a write of a status is answered with. */
export const STATUS_FAULTS = ['denied', '422', '500', 'timeout'] as const;
export type StatusFault = (typeof STATUS_FAULTS)[number];

/** A fault of one call or event of the recorded run, by its name there, such as `patch virtualservices#2`. */
export type FaultAtCall = { readonly on: string } & (
  { readonly call: CallFault } | { readonly event: EventFault }
);

/** A fault that lasts for a time (ms from the beginning). */
export type FaultInTime = { readonly at: number; readonly forMs: number } & (
  | { readonly fault: 'leader stopped' }
  | { readonly fault: 'leader killed' }
  /** The wall clock of the leader's machine is set, and set right at the end. */
  | { readonly fault: 'clock'; readonly byMs: number }
  | { readonly fault: 'telemetry'; readonly kind: TelemetryFault }
  /** Routes take effect so much later. */
  | { readonly fault: 'mesh late'; readonly byMs: number }
  | { readonly fault: 'pods unready'; readonly who: Who }
  | { readonly fault: 'pods deleted'; readonly who: Who }
  | { readonly fault: 'no permission'; readonly plural: string }
  /** The status of a release cannot be written: a webhook denies it, or does not answer. */
  | { readonly fault: 'status refused'; readonly how: StatusFault }
  | { readonly fault: 'watch frozen'; readonly plural: string }
  | { readonly fault: 'API server away' }
  | { readonly fault: 'history compacted' }
  /** The watch of a kind breaks, and the list that follows is so many revisions old. */
  | { readonly fault: 'old list'; readonly plural: string; readonly revisions: number }
);

export type Fault = FaultAtCall | FaultInTime;

/**
 * A life of one release, all of it: what is applied, how versions behave, what people do and what goes wrong. Plain JSON:
 * the same plan gives the same run.
 */
export interface Plan {
  readonly seed: number;
  /** Processes that run at the same time, of which one leads. */
  readonly operators: 1 | 2;
  readonly leaderElect: boolean;
  readonly spec: SpecOfPlan;
  /** True: callers' Service is someone else's. */
  readonly foreignService: boolean;
  readonly versions: Readonly<Record<string, Version>>;
  /** Requests a second. */
  readonly perSecond: number;
  /** From a write of routes until requests follow it (ms). */
  readonly meshMs: number;
  /** True: the mesh tells when it has taken routes over, as Istio can. */
  readonly meshTells: boolean;
  /** The longest that a request or an event is on its way (ms). */
  readonly latencyMs: number;
  readonly edits: readonly Edit[];
  readonly faults: readonly Fault[];
}

/** The image that a release begins with, whose version is always good. */
export const FIRST_IMAGE = 'app:1';

/** When the second version comes (ms): the first one is stable by then. */
export const SECOND_AT_MS = 30_000;

/** Changes of spec with which a manifest cannot work. */
export const MISTAKES: readonly Readonly<Record<string, unknown>>[] = [
  { traffic: { istio: { hosts: ['nowhere'] } } },
  { traffic: { istio: { hosts: ['cart'], gateways: ['shop/nowhere'] } } },
  { service: { name: 'cart', port: 80, portName: 'http', targetPort: 'nowhere' } },
  { analysis: { templates: [{ kind: 'AnalysisTemplate', name: 'nowhere' }], errorRate: {} } },
];

/** What operators watch and write, by plural. */
export const KINDS = [
  'canaryreleases',
  'deployments',
  'pods',
  'virtualservices',
  'destinationrules',
  'releasecommands',
];

export function isInTime(fault: Fault): fault is FaultInTime {
  return 'at' in fault;
}

/** When the last edit and the last fault that has a time is over (ms from the beginning). */
export function endOfTroubles({ edits, faults }: Plan): number {
  const ends = [
    ...edits.map(
      (edit) => edit.at + ('forMs' in edit ? edit.forMs : 0) + ('afterMs' in edit ? edit.afterMs : 0),
    ),
    ...faults.filter(isInTime).map(({ at, forMs }) => at + forMs),
  ];
  return Math.max(0, ...ends);
}

/** True where a Prometheus is ever asked. */
export function asksPrometheus({ spec, edits }: Plan): boolean {
  const named = (analysis: unknown) => {
    const { source, metrics = [] } = (analysis ?? {}) as Partial<SpecOfPlan['analysis']>;
    return source === 'prometheus' || metrics.some((metric) => 'prometheus' in metric);
  };
  return named(spec.analysis) || edits.some((edit) => edit.edit === 'spec' && named(edit.change['analysis']));
}
