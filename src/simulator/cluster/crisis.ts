import {
  type Edit,
  type EditedObject,
  FIRST_IMAGE,
  type Fault,
  KINDS,
  MISTAKES,
  type Plan,
  SECOND_AT_MS,
  type SpecOfPlan,
  TELEMETRY_FAULTS,
  type TelemetryFault,
  type Version,
  type Who,
} from './plan.ts';
import type { Throw } from './throw.ts';

/** What happens beside what is in the plan. */
interface Happening {
  readonly edits?: readonly Edit[];
  readonly faults?: readonly Fault[];
  readonly versions?: Readonly<Record<string, Version>>;
  readonly spec?: Partial<SpecOfPlan>;
  readonly operators?: 2;
  readonly meshTells?: true;
}

type Maker = (dice: Throw, at: number) => Happening;

const SECOND_IMAGE = 'app:2';

/** What a release has to follow at once. */
const CAUSES: readonly Maker[] = [
  (_, at) => ({ edits: [{ at, edit: 'command', action: 'abort', who: 'candidate' }] }),
  (dice, at) => ({
    edits: [{ at, edit: 'command', action: dice.of(['pause', 'promote', 'abort']), who: whose(dice) }],
  }),
  (_, at) => ({ edits: [{ at, edit: 'image', image: FIRST_IMAGE }] }),
  (_, at) => ({ edits: [{ at, edit: 'image', image: 'app:3' }] }),
  (dice) => ({ versions: { [SECOND_IMAGE]: { errors: dice.of([0.1, 0.5, 1]), readyMs: 1000 } } }),
  (dice, at) => ({
    versions: { [SECOND_IMAGE]: { errors: dice.of([0.5, 1]), readyMs: 1000 } },
    edits: [{ at, edit: 'command', action: 'retry', who: 'rejected' }],
  }),
  (dice) => ({
    versions: { [SECOND_IMAGE]: { errors: 0.001, readyMs: 1000, crashMs: dice.between(3000, 15_000) } },
  }),
  (_, at) => ({ faults: [{ at, forMs: 25_000, fault: 'pods unready', who: 'candidate' }] }),
  (dice, at) => ({ edits: [{ at, edit: 'weights', candidate: dice.of([0, 10, 50, 100]) }] }),
  (dice, at) => ({
    edits: [{ at, edit: 'remove', object: dice.of(['VirtualService', 'DestinationRule', 'Service']) }],
  }),
  (dice, at) => ({ edits: [{ at, edit: 'replace', forMs: lasting(dice) }] }),
  (dice, at) => ({ edits: [{ at, edit: 'recreate', afterMs: dice.of([0, 3000]) }] }),
];

const AWAY: readonly TelemetryFault[] = ['down', 'slow', 'empty', 'nonsense', 'partial'];

/** What keeps the operator from it, or is no reason not to do it. */
const TROUBLES: readonly Maker[] = [
  (dice, at) => ({ edits: [{ at, edit: 'mistake', change: dice.of(MISTAKES), forMs: lasting(dice) }] }),
  (dice, at) => ({ edits: [{ at, edit: 'autoscale', replicas: dice.of([1, 2, 4, 6]) }] }),
  (dice, at) => ({ edits: [{ at, edit: 'annotate', object: dice.of(ANNOTATED) }] }),
  (dice, at) => ({
    faults: [
      {
        at,
        forMs: lasting(dice),
        fault: 'no permission',
        plural: dice.of(['canaryreleases', 'virtualservices']),
      },
    ],
  }),
  (dice, at) => ({
    faults: [
      {
        at,
        forMs: lasting(dice),
        fault: 'no permission',
        plural: dice.of(['deployments', 'destinationrules']),
      },
    ],
  }),
  (dice, at) => ({ faults: [{ at, forMs: lasting(dice), fault: 'pods unready', who: whose(dice) }] }),
  (dice, at) => ({ faults: [{ at, forMs: 0, fault: 'pods deleted', who: whose(dice) }] }),
  // A probe that comes and goes.
  (dice, at) => ({
    faults: Array.from({ length: dice.between(3, 8) }, (_, index) => ({
      at: at + 4000 * index,
      forMs: 1000,
      fault: 'pods unready' as const,
      who: 'candidate' as const,
    })),
  }),
  (dice, at) => ({ faults: [{ at, forMs: lasting(dice), fault: 'telemetry', kind: dice.of(AWAY) }] }),
  (dice, at) => ({
    faults: [{ at, forMs: lasting(dice), fault: 'telemetry', kind: dice.of(TELEMETRY_FAULTS) }],
  }),
  (_, at) => ({ operators: 2, faults: [{ at, forMs: 30_000, fault: 'leader stopped' }] }),
  (_, at) => ({ faults: [{ at, forMs: 0, fault: 'leader killed' }] }),
  (dice, at) => ({ faults: [{ at, forMs: lasting(dice), fault: 'API server away' }] }),
  (dice, at) => ({
    meshTells: true,
    faults: [{ at, forMs: lasting(dice), fault: 'mesh late', byMs: 4000 }],
  }),
  (dice, at) => ({
    faults: [{ at, forMs: lasting(dice), fault: 'clock', byMs: dice.of([-3_600_000, 3_600_000]) }],
  }),
  (dice, at) => ({ faults: [{ at, forMs: lasting(dice), fault: 'watch frozen', plural: dice.of(KINDS) }] }),
  (dice, at) => ({
    faults: [{ at, forMs: 5000, fault: 'old list', plural: dice.of(KINDS), revisions: dice.between(5, 60) }],
  }),
];

const ANNOTATED: readonly EditedObject[] = [
  'VirtualService',
  'DestinationRule',
  'Deployment of stable',
  'Deployment of the candidate',
];

/** What goes wrong only where several things come together at the second: they seldom do by chance. */
const COINCIDENCES: readonly Maker[] = [
  // Pods come while the release is paused.
  (dice) => ({
    versions: { [SECOND_IMAGE]: { errors: 0.001, readyMs: 12_000 } },
    edits: [soon(dice, 1000, 11_000, { edit: 'command', action: 'pause', who: 'candidate' })],
  }),
  // Some of many pods cannot be read when a step ends.
  (_, at) => ({
    spec: { replicas: 5 },
    faults: [{ at, forMs: 25_000, fault: 'telemetry', kind: 'partial' }],
  }),
  // Stable loses its pods while the last ones of the candidate are awaited.
  (dice) => ({
    spec: { replicas: 5, steps: [{ weight: 50 }, { weight: 100 }] },
    versions: { [SECOND_IMAGE]: { errors: 0.001, readyMs: 8000 } },
    faults: [soon(dice, 12_000, 22_000, { forMs: 25_000, fault: 'pods unready', who: 'stable' })],
  }),
  // The release changes while nobody hears of it, and something else is to be mended.
  (dice, at) => ({
    faults: [{ at: at - 500, forMs: 12_000, fault: 'watch frozen', plural: 'canaryreleases' }],
    edits: [
      dice.of<Edit>([
        { at, edit: 'image', image: 'app:3' },
        { at, edit: 'spec', change: { replicas: 4 } },
        { at, edit: 'recreate', afterMs: 0 },
      ]),
      dice.of<Edit>([
        { at: at + 4000, edit: 'weights', candidate: 10 },
        { at: at + 4000, edit: 'remove', object: 'VirtualService' },
      ]),
    ],
  }),
  // Who lists commands anew gets them as they were before they were obeyed.
  (dice, at) => ({
    edits: [{ at, edit: 'command', action: dice.of(['pause', 'abort', 'promote']), who: 'candidate' }],
    faults: [
      {
        at: at + dice.between(100, 900),
        forMs: 5000,
        fault: 'old list',
        plural: 'releasecommands',
        revisions: dice.between(1, 8),
      },
    ],
  }),
  // Somebody else's object is in the way of a rollback.
  (dice, at) => ({
    edits: [
      { at: at - dice.between(100, 3000), edit: 'replace', forMs: 25_000 },
      { at, edit: 'command', action: 'abort', who: 'candidate' },
    ],
  }),
  // The right to change routes is away for a moment, and an abort comes then.
  (dice, at) => ({
    edits: [{ at, edit: 'command', action: 'abort', who: 'candidate' }],
    faults: [
      { at: at - 500, forMs: dice.of([2000, 4000]), fault: 'no permission', plural: 'virtualservices' },
    ],
  }),
  // Somebody takes the weight away again and again.
  (_, at) => ({
    edits: Array.from({ length: 8 }, (_unused, index) => ({
      at: at + 3000 * index,
      edit: 'weights' as const,
      candidate: 0,
    })),
  }),
  // From before the release on nobody tells of it.
  (dice) => ({
    faults: [
      {
        at: SECOND_AT_MS - 2000,
        forMs: 20_000,
        fault: 'telemetry',
        kind: dice.of<TelemetryFault>(['empty', 'down']),
      },
    ],
  }),
];

/** So long (ms) after the second version came. */
function soon<T>(dice: Throw, least: number, most: number, what: T): T & { readonly at: number } {
  return { ...what, at: SECOND_AT_MS + dice.between(least, most) };
}

/** The same life with trouble in mid-release, as a rule while something happens that must be followed at once. */
export function withCrisis(plan: Plan, dice: Throw): Plan {
  const at = SECOND_AT_MS + dice.between(500, 22_000);
  const trouble = (when: number) => dice.of(TROUBLES)(dice, when);
  const kind = dice.between(1, 10);
  let happenings = [trouble(at), trouble(SECOND_AT_MS + dice.between(1000, 20_000))];
  if (kind <= 2) happenings = [dice.of(COINCIDENCES)(dice, at)];
  else if (kind <= 7) happenings = [dice.of(CAUSES)(dice, at), trouble(at + dice.between(-4000, 3000))];
  const edits = [...plan.edits, ...happenings.flatMap((one) => one.edits ?? [])];
  const operators = happenings.find((one) => one.operators !== undefined)?.operators ?? plan.operators;
  return {
    ...plan,
    spec: happenings.reduce((spec, one) => ({ ...spec, ...one.spec }), plan.spec),
    operators,
    leaderElect: plan.leaderElect || operators === 2,
    meshTells: plan.meshTells || happenings.some((one) => one.meshTells),
    versions: happenings.reduce((versions, one) => ({ ...versions, ...one.versions }), plan.versions),
    edits: edits.sort((a, b) => a.at - b.at),
    faults: [...plan.faults, ...happenings.flatMap((one) => one.faults ?? [])],
  };
}

function lasting(dice: Throw): number {
  return dice.of([3000, 12_000, 25_000]);
}

function whose(dice: Throw): Who {
  return dice.of<Who>(['stable', 'candidate']);
}
