import { ACTIONS } from '../../api/index.ts';
import { withCrisis } from './crisis.ts';
import type { Recorded } from './faulty-network.ts';
import { metricOf } from './monitor.ts';
import {
  CALL_FAULTS,
  type CallFault,
  EVENT_FAULTS,
  type Edit,
  type EditedObject,
  FIRST_IMAGE,
  KINDS,
  MISTAKES,
  SECOND_AT_MS,
  type Fault,
  type FaultInTime,
  type Plan,
  STATUS_FAULTS,
  type SpecOfPlan,
  TELEMETRY_FAULTS,
  type Version,
  type Who,
  endOfTroubles,
} from './plan.ts';
import { Throw } from './throw.ts';

const STEPS: readonly SpecOfPlan['steps'][] = [
  [
    { weight: 5, for: '10s' },
    { weight: 40, for: '10s' },
    { weight: 100, for: '5s' },
  ],
  [{ weight: 20, for: '8s' }, { weight: 60, for: '12s' }, { weight: 100 }],
  [{ weight: 20, for: '5s' }, { weight: 60, for: '5s', pause: true }, { weight: 100 }],
  [{ weight: 1 }, { weight: 10, for: '3s' }, { weight: 50, for: '15s' }, { weight: 99 }, { weight: 100 }],
  [{ weight: 100, for: '10s' }],
  [{ weight: 50 }, { weight: 100 }],
];

/** The plan of a seed, without faults of the world. */
export function planOf(seed: number): Plan {
  const dice = new Throw(seed);
  const versions: Record<string, Version> = { [FIRST_IMAGE]: { errors: 0.001, readyMs: 1000 } };
  for (const image of ['app:2', 'app:3', 'app:4']) versions[image] = version(dice);
  const leaderElect = dice.chance(0.8);
  const foreignService = dice.chance(0.15);
  const plan: Plan = {
    seed,
    operators: leaderElect && dice.chance(0.5) ? 2 : 1,
    leaderElect,
    spec: specOf(dice),
    foreignService,
    versions,
    perSecond: dice.of([20, 50, 200]),
    meshMs: dice.of([0, 0, 50, 1000]),
    meshTells: dice.chance(0.3),
    latencyMs: dice.of([0, 5, 20]),
    edits: editsOf(dice, foreignService),
    faults: [],
  };
  return dice.chance(0.25) ? withSource(plan, 'prometheus') : plan;
}

function withSource(plan: Plan, source: 'prometheus'): Plan {
  const { spec } = plan;
  return { ...plan, spec: { ...spec, analysis: { ...spec.analysis, source } } };
}

function version(dice: Throw): Version {
  const kind = dice.between(1, 10);
  if (kind <= 5) return { errors: 0.001, readyMs: dice.of([500, 1000, 5000]) };
  if (kind <= 8) return { errors: dice.of([0.05, 0.3, 1]), readyMs: 1000 };
  if (kind === 9) return { errors: 0.001, readyMs: null };
  return { errors: 0.001, readyMs: 1000, crashMs: dice.between(2000, 6000) };
}

function specOf(dice: Throw): SpecOfPlan {
  return {
    replicas: dice.of([1, 2, 3, 5]),
    steps: dice.of(STEPS),
    progressDeadline: dice.of(['30s', '1m']),
    scaleDownDelay: dice.of(['0s', '5s', '20s']),
    revisionHistoryLimit: dice.of([0, 1, 3]),
    analysis: {
      errorRate: dice.chance(0.5) ? { max: '1%' } : {},
      minRequests: dice.of([1, 10, 50]),
      onInconclusive: dice.chance(0.8) ? 'rollback' : 'pause',
      advance: dice.chance(0.8) ? 'dwell' : 'onEvidence',
      freshBaseline: dice.chance(0.2),
      ...(dice.chance(0.2) ? { metrics: [metricOf(dice)] } : {}),
    },
  };
}

function editsOf(dice: Throw, foreignService: boolean): Edit[] {
  const edits: Edit[] = [{ at: SECOND_AT_MS, edit: 'image', image: 'app:2' }];
  const more = dice.of([0, 0, 1, 2, 3, 5]);
  for (let i = 0; i < more; i++)
    edits.push({ at: SECOND_AT_MS + dice.between(500, 60_000), ...editOf(dice, foreignService) });
  return edits.sort((a, b) => a.at - b.at);
}

type WithoutTime<T> = T extends unknown ? Omit<T, 'at'> : never;

const OBJECTS: readonly EditedObject[] = [
  'VirtualService',
  'DestinationRule',
  'Service',
  'Deployment of stable',
  'Deployment of the candidate',
];

function editOf(dice: Throw, foreignService: boolean): WithoutTime<Edit> {
  const kind = dice.between(1, 20);
  const who = dice.of<Who>(['stable', 'candidate']);
  if (kind <= 4) return { edit: 'image', image: dice.of([FIRST_IMAGE, 'app:2', 'app:3', 'app:4']) };
  if (kind <= 9) return command(dice);
  if (kind <= 12) return { edit: 'spec', change: changeOf(dice, foreignService) };
  if (kind === 13) return { edit: 'weights', candidate: dice.of([0, 10, 50, 100]) };
  if (kind === 14) return { edit: 'autoscale', replicas: dice.of([1, 2, 4, 6]) };
  if (kind === 15) return { edit: 'scale', who, replicas: dice.between(0, 4) };
  if (kind === 16) return { edit: 'template', who };
  if (kind === 17) return { edit: 'annotate', object: dice.of(OBJECTS) };
  if (kind === 18) return { edit: 'remove', object: dice.of(OBJECTS.slice(0, 3)) };
  if (kind === 19) return { edit: 'recreate', afterMs: dice.of([0, 3000, 20_000]) };
  return { edit: 'mistake', change: dice.of(MISTAKES), forMs: dice.between(1000, 30_000) };
}

function command(dice: Throw): WithoutTime<Edit> {
  const action = dice.of(ACTIONS);
  if (action === 'retry') return { edit: 'command', action, who: dice.of<Who>(['rejected', 'target']) };
  if (action === 'rollbackTo') return { edit: 'command', action, who: 'retired' };
  return { edit: 'command', action, who: dice.chance(0.9) ? 'candidate' : 'stable' };
}

/** Every field of a manifest that may change in mid-release. */
function changeOf(dice: Throw, foreignService: boolean): Record<string, unknown> {
  const { replicas, steps, progressDeadline, scaleDownDelay, revisionHistoryLimit, analysis } = specOf(dice);
  const changes: Record<string, unknown>[] = [
    { replicas },
    { replicas: 0 },
    { steps },
    { progressDeadline },
    { scaleDownDelay },
    { revisionHistoryLimit },
    { analysis },
    { version: dice.of(['one', 'two']) },
    { template: { metadata: { annotations: { note: dice.of(['one', 'two']) } } } },
    { analysis: { falseRollbacks: '0.1%', tolerance: '50%', warmUp: '5s' } },
    // A Service of someone else has the port that it has.
    { service: { name: 'cart', port: foreignService ? 80 : 8080, portName: 'http' } },
    { traffic: { istio: { hosts: ['cart', 'cart.example.com'] } } },
    { analysis: { source: dice.of(['proxies', 'prometheus']) } },
  ];
  return dice.of(changes);
}

/**
 * Faults for a plan, some of them at calls and events of its run without faults, as Sieve does.
 *
 * @param recorded what was called and heard in that run
 */
export function withFaults(plan: Plan, recorded: readonly Recorded[]): Plan {
  const dice = new Throw(plan.seed * 7 + 5);
  const faults: Fault[] = [];
  const end = Math.max(SECOND_AT_MS + 30_000, endOfTroubles(plan));
  const atCalls = dice.between(0, 3);
  for (let i = 0; i < atCalls; i++) faults.push(...faultAtCall(dice, recorded));
  const inTime = dice.between(atCalls === 0 ? 1 : 0, 3);
  for (let i = 0; i < inTime; i++) faults.push(faultInTime(dice, end));
  const faulty = { ...plan, faults };
  return dice.chance(0.8) ? withCrisis(faulty, dice) : faulty;
}

/** What can happen to a write without anybody's knowing whether it was done. */
const AT_EACH_WRITE = ['crash before', 'crash after', 'lost'] as const;

/** Plans in each of which one write of a recorded run goes wrong, in each of the ways that leave doubt. */
export function faultAtEachWrite(plan: Plan, recorded: readonly Recorded[]): Plan[] {
  const writes = recorded.filter(({ name, kind }) => kind === 'write' && !/ (leases|events)/.test(name));
  return writes.flatMap(({ name: on }) => AT_EACH_WRITE.map((call) => ({ ...plan, faults: [{ on, call }] })));
}

const READ_FAULTS: readonly CallFault[] = [
  'crash before',
  'crash after',
  'lost',
  'timeout',
  '429',
  '500',
  'late',
];

/** First the kind of call, then which of them: the many renewals of the lease are one kind among others. */
function faultAtCall(dice: Throw, recorded: readonly Recorded[]): Fault[] {
  const labels = [...new Set(recorded.map(({ name }) => labelOf(name)))];
  if (labels.length === 0) return [];
  const label = dice.of(labels);
  const { name: on, kind } = dice.of(recorded.filter(({ name }) => labelOf(name) === label));
  if (kind === 'event') return [{ on, event: dice.of(EVENT_FAULTS) }];
  return [{ on, call: dice.of(kind === 'read' ? READ_FAULTS : CALL_FAULTS) }];
}

function labelOf(name: string): string {
  return name.slice(0, name.lastIndexOf('#'));
}

function faultInTime(dice: Throw, end: number): FaultInTime {
  const at = dice.chance(0.85) ? dice.between(SECOND_AT_MS, end) : dice.between(0, SECOND_AT_MS);
  const forMs = dice.of([500, 3000, 10_000, 25_000]);
  const who = dice.of<Who>(['stable', 'candidate']);
  const faults: FaultInTime[] = [
    { at, forMs: dice.of([1000, 5000, 12_000, 30_000]), fault: 'leader stopped' },
    { at, forMs: 0, fault: 'leader killed' },
    { at, forMs, fault: 'clock', byMs: dice.of([-3_600_000, -5000, 5000, 3_600_000]) },
    { at, forMs, fault: 'telemetry', kind: dice.of(TELEMETRY_FAULTS) },
    { at, forMs, fault: 'telemetry', kind: dice.of(TELEMETRY_FAULTS) },
    { at, forMs, fault: 'mesh late', byMs: dice.of([1000, 4000]) },
    { at, forMs, fault: 'pods unready', who },
    { at, forMs: 0, fault: 'pods deleted', who },
    { at, forMs, fault: 'no permission', plural: dice.of(['*', ...KINDS]) },
    { at, forMs, fault: 'watch frozen', plural: dice.of(KINDS) },
    { at, forMs, fault: 'API server away' },
    { at, forMs: 0, fault: 'history compacted' },
    { at, forMs: 5000, fault: 'old list', plural: dice.of(KINDS), revisions: dice.between(1, 30) },
    { at, forMs, fault: 'status refused', how: dice.of(STATUS_FAULTS) },
  ];
  return dice.of(faults);
}
