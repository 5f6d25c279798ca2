import {
  type Edit,
  type EditedObject,
  FIRST_IMAGE,
  type Fault,
  KINDS,
  MISTAKES,
  type Plan,
  SECOND_AT_MS,
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

/** The same life with trouble in mid-release, as a rule while something happens that must be followed at once. */
export function withCrisis(plan: Plan, dice: Throw): Plan {
  const at = SECOND_AT_MS + dice.between(500, 22_000);
  const trouble = (when: number) => dice.of(TROUBLES)(dice, when);
  const happenings = dice.chance(0.6)
    ? [dice.of(CAUSES)(dice, at), trouble(at + dice.between(-4000, 3000))]
    : [trouble(at), trouble(SECOND_AT_MS + dice.between(1000, 20_000))];
  const edits = [...plan.edits, ...happenings.flatMap((one) => one.edits ?? [])];
  const operators = happenings.find((one) => one.operators !== undefined)?.operators ?? plan.operators;
  return {
    ...plan,
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
