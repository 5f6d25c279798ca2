import {
  ACTIONS,
  type AnalysisStatus,
  type CanaryReleaseSpec,
  type CanaryReleaseStatus,
  type StepStatus,
  canaryReleaseSpec,
} from '../../api/index.ts';
import {
  type Observed,
  type PendingCommand,
  type TelemetryState,
  type Workload,
  iso,
} from '../../core/model.ts';

const NOW = Date.UTC(2030, 0, 1);
const [STABLE, CANDIDATE, OTHER] = ['v1', 'v2', 'v3'];
const DWELL_S = 10;
const DEADLINE_S = 60;

const ago = (seconds: number) => iso(NOW - seconds * 1000);

const SPEC = canaryReleaseSpec.parse({
  replicas: 3,
  template: { spec: { containers: [{ name: 'app', image: 'app:1' }] } },
  service: { name: 'app', port: 80, portName: 'http' },
  traffic: { istio: { hosts: ['app'] } },
  steps: [
    { weight: 5, for: `${DWELL_S}s` },
    { weight: 40, for: `${DWELL_S}s` },
    { weight: 60, for: `${DWELL_S}s`, pause: true },
    { weight: 100, for: `${DWELL_S}s` },
  ],
  progressDeadline: `${DEADLINE_S}s`,
});

const AT_REST: CanaryReleaseStatus = {
  stableRevision: STABLE,
  attempt: { number: 1, startedAt: ago(9000) },
  retired: [{ revision: OTHER, scaleDownAt: ago(60) }],
};

/** A release of the candidate, at a step whose weight was observed so long ago (s), or not yet. */
function going(
  weight: number,
  observed: number | undefined,
  more: CanaryReleaseStatus = {},
): CanaryReleaseStatus {
  const startedAt = ago((observed ?? 0) + 5);
  const step: StepStatus = {
    ...{ index: SPEC.steps.findLastIndex((one) => one.weight <= weight) + 1, of: SPEC.steps.length },
    ...{ weight, observedWeight: observed === undefined ? 5 : weight, startedAt },
    ...{ progressAt: observed === undefined ? startedAt : ago(observed) },
    ...(observed === undefined ? {} : { observedAt: ago(observed) }),
  };
  return {
    ...AT_REST,
    attempt: { number: 2, startedAt: ago((observed ?? 0) + 60) },
    ...{ candidateRevision: CANDIDATE, step, ...more },
  };
}

function givenUp(outcome: 'RolledBack' | 'Superseded' | 'Reverted'): CanaryReleaseStatus {
  const { step, ...rest } = going(40, 5);
  const ending = { outcome, reason: 'AnalysisFailed', message: 'it was given up', at: ago(1) };
  return { ...rest, ...(step === undefined ? {} : { step: { ...step, weight: 0 } }), ending };
}

const FIRST: CanaryReleaseStatus = (() => {
  const { stableRevision, retired, ...rest } = going(100, undefined);
  return { ...rest, candidateRevision: STABLE, attempt: { number: 1, startedAt: ago(9) } };
})();

const rejected = { revision: CANDIDATE, reason: 'AnalysisFailed', message: 'it failed', at: ago(600) };
const paused = (by: 'step' | 'command' | 'inconclusive') => ({ by, message: 'it waits', since: ago(5) });

/** By name, what the status can say. */
const STATUSES: Readonly<Record<string, CanaryReleaseStatus>> = {
  'nothing yet': {},
  'the first release': FIRST,
  'the first release, serving': { ...FIRST, step: { ...going(100, 20).step } as StepStatus },
  'at rest': AT_REST,
  'at rest after a rollback': { ...AT_REST, rejected },
  'a step not reached yet': going(40, undefined),
  'a step being watched': going(40, DWELL_S / 2),
  'a step watched': going(40, DWELL_S + 5),
  'a step past its deadline': going(40, DWELL_S + DEADLINE_S + 5),
  'a step that ends with a pause': going(60, DWELL_S + 5),
  'the last step': going(100, DWELL_S + 5),
  'paused by a step': going(60, DWELL_S + 5, { paused: paused('step') }),
  'paused by a person': going(40, DWELL_S + 5, { paused: paused('command') }),
  'paused without a verdict': going(40, 90, { paused: paused('inconclusive') }),
  'a step promoted by a person': going(40, 5, { promotion: 'step' }),
  'promoted by a person to the end': going(100, 5, { promotion: 'full' }),
  'returning to an earlier revision': going(100, undefined, {
    attempt: { number: 3, startedAt: ago(5), returning: true },
    rejected: { ...rejected, revision: STABLE },
    promotion: 'full',
  }),
  'rolling back': givenUp('RolledBack'),
  superseded: givenUp('Superseded'),
  reverted: givenUp('Reverted'),
};

function workload(replicas: number, ready: number): Workload {
  return { replicas, ready, pods: replicas, drifted: false };
}

/** Pods of one revision; undefined where it has no Deployment. */
const PODS: Readonly<Record<string, Workload | undefined>> = {
  'no Deployment': undefined,
  'no ready pod': workload(3, 0),
  'one ready pod': workload(3, 1),
  'all pods ready': workload(3, 3),
};

type Analysis = Partial<AnalysisStatus> | undefined;

/** What is known of the candidate; the window is that of the step unless it says otherwise. */
const VERDICTS: Readonly<Record<string, Analysis>> = {
  none: undefined,
  Pass: { verdict: 'Pass' },
  'Pass, harmless': { verdict: 'Pass', metrics: [metric(true)] },
  'Pass of an earlier window': { verdict: 'Pass', windowFrom: ago(500) },
  'Pass by data that end too early': { verdict: 'Pass', completeThrough: ago(300), stableThrough: ago(300) },
  'Pass without data of stable': { verdict: 'Pass', stableThrough: undefined },
  Inconclusive: { verdict: 'Inconclusive' },
  Fail: { verdict: 'Fail' },
};

function metric(harmless: boolean): AnalysisStatus['metrics'][number] {
  const counts = { all: 1000, bad: 1 };
  return {
    ...{ name: 'errors', verdict: 'Pass', message: '', evidence: 0, harmless },
    ...{ candidate: counts, stable: counts, window: counts },
  };
}

const TELEMETRY: Readonly<Record<string, TelemetryState>> = {
  'not read': { state: 'unused' },
  counted: { state: 'readable', counted: true },
  'not counted yet': { state: 'readable', counted: false },
  failing: { state: 'failing', problem: { reason: 'TelemetryUnreachable', message: 'nobody answers' } },
};

type Weights = Readonly<Record<string, number>> | undefined;

/** Percent by revision, as the routes stand. */
const WEIGHTS: Readonly<Record<string, Weights>> = {
  'no route': undefined,
  'stable 100': { [STABLE]: 100 },
  'candidate 5': { [STABLE]: 95, [CANDIDATE]: 5 },
  'candidate 40': { [STABLE]: 60, [CANDIDATE]: 40 },
  'candidate 60': { [STABLE]: 40, [CANDIDATE]: 60 },
  'candidate 100': { [CANDIDATE]: 100 },
  'another one 30': { [STABLE]: 70, [OTHER]: 30 },
};

const ORDERS: readonly (readonly [action: PendingCommand['spec']['action'], revision: string] | undefined)[] =
  [
    undefined,
    ...ACTIONS.map((action) => [action, action === 'rollbackTo' ? OTHER : CANDIDATE] as const),
    ['abort', OTHER],
  ];

/** The axes along which small worlds differ, and the values of each. */
export const AXES = {
  status: Object.keys(STATUSES),
  stable: Object.keys(PODS),
  candidate: Object.keys(PODS),
  verdict: Object.keys(VERDICTS),
  telemetry: Object.keys(TELEMETRY),
  weights: Object.keys(WEIGHTS),
  command: ORDERS.map((order) => order?.join(' ') ?? 'none'),
  template: [STABLE, CANDIDATE, OTHER],
  manifest: ['sound', 'with a problem', 'with onEvidence', 'with a fresh baseline', 'for no pods'],
  rest: ['as it should be', 'mesh not there yet', 'being deleted'],
} as const satisfies Record<string, readonly string[]>;

/** One small world: by axis, which value. */
export type Place = Readonly<Record<keyof typeof AXES, string>>;

export interface SmallWorld {
  readonly place: Place;
  readonly observed: Observed;
  readonly now: number;
}

const SPECS: Readonly<Record<string, CanaryReleaseSpec>> = {
  'with onEvidence': { ...SPEC, analysis: { ...SPEC.analysis, advance: 'onEvidence' } },
  'with a fresh baseline': { ...SPEC, analysis: { ...SPEC.analysis, freshBaseline: true } },
  'for no pods': { ...SPEC, replicas: 0 },
};

const PROBLEMS = [{ reason: 'HostNotFound', message: 'the host is not there' }] as const;

/** The world at this place. */
export function worldAt(place: Place): SmallWorld {
  const status = STATUSES[place.status] ?? {};
  const weights = WEIGHTS[place.weights];
  const order = ORDERS[AXES.command.indexOf(place.command)];
  const pods = { [STABLE]: PODS[place.stable], [CANDIDATE]: PODS[place.candidate], [OTHER]: workload(0, 0) };
  const observed: Observed = {
    name: 'app',
    generation: 2,
    deleting: place.rest === 'being deleted',
    hasFinalizer: weights !== undefined || status.attempt !== undefined,
    spec: SPECS[place.manifest] ?? SPEC,
    status,
    target: place.template,
    workloads: Object.fromEntries(
      Object.entries(pods).flatMap(([revision, one]) => (one === undefined ? [] : [[revision, one]])),
    ),
    service: 'ok',
    traffic: {
      weights,
      subsets: Object.keys(weights ?? {}),
      drifted: false,
      effective: place.rest !== 'mesh not there yet',
    },
    problems: place.manifest === 'with a problem' ? [...PROBLEMS] : [],
    commands: order === undefined ? [] : [commandOf(...order)],
    telemetry: TELEMETRY[place.telemetry] ?? { state: 'unused' },
    analysis: analysisOf(VERDICTS[place.verdict], status),
  };
  return { place, observed, now: NOW };
}

function commandOf(action: PendingCommand['spec']['action'], revision: string): PendingCommand {
  return {
    name: action,
    uid: 'u',
    spec: { release: 'app', revision, action, ttl: '1h' },
    createdAt: NOW - 1000,
  };
}

function analysisOf(
  analysis: Analysis,
  { candidateRevision, step }: CanaryReleaseStatus,
): AnalysisStatus | undefined {
  if (analysis === undefined || candidateRevision === undefined) return undefined;
  return {
    revision: candidateRevision,
    ...(step?.observedAt === undefined ? {} : { windowFrom: step.observedAt }),
    ...{ through: iso(NOW), completeThrough: iso(NOW), stableThrough: iso(NOW) },
    ...{ verdict: 'Pass', message: 'so it is', metrics: [metric(false)], ...analysis },
  };
}

/** All places whose status is the one with this number, or only every so manieth of them. */
export function* placesWith(statusIndex: number, every = 1): Generator<Place> {
  const axes = Object.entries(AXES).map(([name, values]) => [
    name,
    name === 'status' ? AXES.status.slice(statusIndex, statusIndex + 1) : values,
  ]) as [string, readonly string[]][];
  const count = axes.reduce((product, [, values]) => product * values.length, 1);
  for (let index = 0; index < count; index += every) {
    let rest = index;
    const place: Record<string, string> = {};
    for (const [name, values] of axes) {
      place[name] = values[rest % values.length] ?? '';
      rest = Math.floor(rest / values.length);
    }
    yield place as Place;
  }
}
