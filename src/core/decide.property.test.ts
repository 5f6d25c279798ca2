import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CanaryReleaseSpec } from '../api/index.ts';
import { ACTIONS, type Action } from '../api/index.ts';
import { BASELINE, type Fate, World } from '../simulator/decide/world.ts';

/** Something that happens to a release; what it changes, the next pass sees. */
type Happening = (world: World) => void;

interface Event {
  readonly name: string;
  readonly happen: Happening;
}

/** For a longer search: RUNS=20000 SEED=7 npx vitest run src/core/decide.property */
const { RUNS: runs = '200', SEED: seed = '1' } = process.env;
const RUNS = Number(runs);
const SEED = Number(seed);
const LIMIT_MS = 600_000;

const REVISIONS = ['v1', 'v2', 'v3', 'v4'] as const;
const PROBLEM = { reason: 'GatewayNotFound', message: 'there is no Gateway' } as const;
const DENIED = { reason: 'PermissionDenied', message: 'may not patch Services' } as const;
const UNREACHABLE = { reason: 'TelemetryUnreachable', message: 'Prometheus does not answer' } as const;

const STEPS: readonly CanaryReleaseSpec['steps'][] = [
  [
    { weight: 5, for: '10s' },
    { weight: 40, for: '10s' },
    { weight: 100, for: '10s' },
  ],
  [{ weight: 20, for: '5s' }, { weight: 60, pause: true }, { weight: 100 }],
  [{ weight: 1 }, { weight: 10, for: '3s' }, { weight: 50, for: '20s' }, { weight: 99 }, { weight: 100 }],
  [{ weight: 100, for: '5s' }],
  [{ weight: 100 }],
];

const revision = fc.constantFrom(...REVISIONS);
const kindOfPod = fc.constantFrom(...REVISIONS, BASELINE);
const replicas = fc.constantFrom(0, 1, 2, 3, 10);
const steps = fc.constantFrom(...STEPS);

function event(name: string, happen: Happening): Event & { toString(): string } {
  return { name, happen, toString: () => name };
}

function always(name: string, happen: Happening): fc.Arbitrary<Event> {
  return fc.constant(event(name, happen));
}

/** Passes, some of which are cut short, and time in which pods start and meshes learn. */
const passing: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.integer({ min: 1, max: 15 }).map((n) =>
      event(`${n} s`, (world) => {
        elapse(world, n);
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Fate>('done', 'effect lost', 'lost').map((fate) =>
      event(`pass: ${fate}`, (world) => {
        world.pass(fate);
      }),
    ),
  },
);

const manifest: fc.Arbitrary<Event> = fc.oneof(
  revision.map((it) =>
    event(`template ${it}`, (world) => {
      world.target = it;
      world.generation++;
    }),
  ),
  replicas.map((it) =>
    event(`replicas ${it}`, (world) => {
      world.respec({ replicas: it });
    }),
  ),
  steps.map((it) =>
    event(`steps ${JSON.stringify(it)}`, (world) => {
      world.respec({ steps: it });
    }),
  ),
  fc.constantFrom('0s', '20s').map((it) =>
    event(`scaleDownDelay ${it}`, (world) => {
      world.respec({ scaleDownDelay: it });
    }),
  ),
  fc.constantFrom(0, 1, 3).map((it) =>
    event(`history ${it}`, (world) => {
      world.respec({ revisionHistoryLimit: it });
    }),
  ),
  fc.boolean().map((it) =>
    event(`freshBaseline ${it}`, (world) => {
      world.respec({ analysis: { ...world.spec.analysis, freshBaseline: it } });
    }),
  ),
  always('a problem', (world) => {
    world.problems = [PROBLEM];
  }),
  always('a write is refused', (world) => {
    world.refusedWrite = DENIED;
  }),
);

const evidence: fc.Arbitrary<Event> = fc.oneof(
  fc.constantFrom('Pass', 'Fail', 'Inconclusive').map((it) =>
    event(`verdict ${it}`, (world) => {
      world.verdict = it;
    }),
  ),
  always('telemetry down', (world) => {
    world.telemetry = { state: 'failing', problem: UNREACHABLE };
  }),
  always('telemetry counts nothing', (world) => {
    world.telemetry = { state: 'readable', counted: false };
  }),
  always('telemetry back', (world) => {
    world.telemetry = { state: 'readable', counted: true };
    world.dataEnd = undefined;
    world.stableEnd = undefined;
  }),
  fc.boolean().map((it) =>
    event(it ? 'evidence of harmlessness' : 'no evidence of harmlessness', (world) => {
      world.harmless = it;
    }),
  ),
  fc.constantFrom('dwell', 'onEvidence').map((it) =>
    event(`advance ${it}`, (world) => {
      world.respec({ analysis: { ...world.spec.analysis, advance: it } });
    }),
  ),
  fc.constantFrom(0, 3000, 90_000).map((it) =>
    event(`${it} ms not counted`, (world) => {
      world.uncounted = it;
    }),
  ),
  always('data of stable end here', (world) => {
    world.stableEnd = world.now;
  }),
  always('data end here', (world) => {
    world.dataEnd = world.now;
  }),
);

const cluster: fc.Arbitrary<Event> = fc.oneof(
  kindOfPod.map((it) =>
    event(`pods of ${it} fail`, (world) => {
      world.broken.add(it);
      world.edit(it, { ready: 0 });
    }),
  ),
  kindOfPod.map((it) =>
    event(`pods of ${it} start`, (world) => {
      world.broken.delete(it);
    }),
  ),
  kindOfPod.map((it) =>
    event(`pods of ${it} restart`, (world) => {
      world.edit(it, { ready: 0 });
    }),
  ),
  revision.map((it) =>
    event(`Deployment of ${it} is edited`, (world) => {
      world.edit(it, { drifted: true });
    }),
  ),
  fc.tuple(revision, replicas).map(([it, n]) =>
    event(`${it} is scaled to ${n}`, (world) => {
      world.edit(it, { replicas: n, pods: n });
    }),
  ),
  revision.map((it) =>
    event(`Deployment of ${it} is deleted`, (world) => {
      world.workloads = without(world.workloads, it);
    }),
  ),
  fc.constantFrom({ drifted: true }, { replicas: 1, pods: 1, ready: 0 }).map((change) =>
    event(`baselines edited: ${JSON.stringify(change)}`, (world) => {
      world.edit(BASELINE, change);
    }),
  ),
  always('baselines deleted', (world) => {
    world.baselines = {};
  }),
  always('Service deleted', (world) => {
    world.service = 'absent';
  }),
  always('Service edited', (world) => {
    world.service = 'drifted';
  }),
  always('finalizer removed', (world) => {
    world.finalizer = false;
  }),
);

const routing: fc.Arbitrary<Event> = fc.oneof(
  fc.constantFrom(0, 10, 40, 100).map((n) =>
    event(`weights edited: ${n}% to the candidate`, (world) => {
      const { stableRevision: stable = 'v1', candidateRevision: candidate = 'v2' } = world.status;
      const shares = [
        [stable, 100 - n],
        [candidate, n],
      ] as const;
      world.weights = Object.fromEntries(shares.filter(([, weight]) => weight > 0));
    }),
  ),
  always('weights edited: to nobody', (world) => {
    world.weights = { elsewhere: 70 };
  }),
  always('routes edited', (world) => {
    world.routesEdited = world.weights !== undefined;
  }),
  always('VirtualService deleted', (world) => {
    world.weights = undefined;
  }),
  always('DestinationRule deleted', (world) => {
    world.subsets = [];
  }),
  always('the mesh lags', (world) => {
    world.effective = false;
  }),
);

const orders: fc.Arbitrary<Event> = fc.oneof(
  fc.tuple(fc.constantFrom(...ACTIONS), revision).map(([action, it]) =>
    event(`${action} ${it}`, (world) => {
      world.order(action, it);
    }),
  ),
  {
    weight: 3,
    arbitrary: fc.constantFrom(...ACTIONS).map((action) =>
      event(`${action} of the right revision`, (world) => {
        world.order(action, fitting(action, world));
      }),
    ),
  },
);

const losses: fc.Arbitrary<Event> = fc.oneof(
  always('status lost', (world) => {
    world.status = {};
  }),
  fc
    .constantFrom(
      'stableRevision',
      'candidateRevision',
      'attempt',
      'step',
      'ending',
      'paused',
      'promotion',
      'analysis',
      'retired',
      'history',
      'conditions',
    )
    .map((field) =>
      event(`status.${field} lost`, (world) => {
        world.status = without(world.status, field);
      }),
    ),
  fc.constantFrom(-3_600_000, -5000, 3_600_000).map((ms) =>
    event(`clock ${ms} ms`, (world) => {
      world.now += ms;
    }),
  ),
);

/** Long stories as often as short ones. */
const happenings = fc.noBias(
  fc.array(
    fc.oneof(
      { weight: 16, arbitrary: passing },
      { weight: 4, arbitrary: always('all is mended', heal) },
      { weight: 3, arbitrary: manifest },
      { weight: 2, arbitrary: evidence },
      { weight: 2, arbitrary: cluster },
      { weight: 1, arbitrary: routing },
      { weight: 2, arbitrary: orders },
      { weight: 1, arbitrary: losses },
    ),
    { maxLength: 60, size: 'max' },
  ),
);

const settings = fc.record({
  replicas,
  steps,
  progressDeadline: fc.constantFrom('30s', '2m'),
  scaleDownDelay: fc.constantFrom('0s', '20s'),
  revisionHistoryLimit: fc.constantFrom(0, 1, 3),
  inconclusive: fc.constantFrom('rollback' as const, 'pause' as const),
  freshBaseline: fc.boolean(),
});

type Settings = typeof settings extends fc.Arbitrary<infer T> ? T : never;

describe('whatever happens to a release', () => {
  it(
    'every pass keeps the invariants, and in the end all settles',
    () => {
      fc.assert(
        fc.property(settings, happenings, (given, events) => {
          const world = begin(given);
          for (const { happen } of events) happen(world);
          healForGood(world);
          expectSettled(world);
        }),
        { numRuns: RUNS, seed: SEED },
      );
    },
    LIMIT_MS,
  );

  it(
    'it can be deleted',
    () => {
      fc.assert(
        fc.property(settings, happenings, (given, events) => {
          const world = begin(given);
          for (const { happen } of events) happen(world);
          // Without it the object is gone at once, and its routes with it.
          if (!world.finalizer) return;
          world.deleting = true;
          elapse(world, 30);
          expect(world.finalizer).toBe(false);
          expect(world.weights).toBeUndefined();
          // Nothing serves, or the stable pods are alone, also where an orphaning delete keeps them.
          const isServed = Object.values(world.workloads).some(({ ready }) => ready > 0);
          if (isServed || world.spec.replicas === 0) expect(world.baselines).toEqual({});
        }),
        { numRuns: RUNS, seed: SEED },
      );
    },
    LIMIT_MS,
  );
});

function begin({ inconclusive, freshBaseline, ...spec }: Settings): World {
  const world = new World(spec);
  world.respec({ analysis: { ...world.spec.analysis, onInconclusive: inconclusive, freshBaseline } });
  world.slow = true;
  elapse(world, 5);
  world.target = 'v2';
  world.generation++;
  return world;
}

/** Lets time go by: each second something may get ready, and a few passes look at it. */
function elapse(world: World, seconds: number): void {
  for (let i = 0; i < seconds; i++) {
    world.tick();
    world.settle();
  }
}

/** Ends all faults; what people ordered and wrote stays. */
function heal(world: World): void {
  world.broken.clear();
  world.problems = [];
  world.refusedWrite = undefined;
  world.verdict = 'Pass';
  world.telemetry = { state: 'readable', counted: true };
  world.stableEnd = undefined;
  world.dataEnd = undefined;
  world.uncounted = 0;
  world.effective = true;
}

/** Ends all faults for good. */
function healForGood(world: World): void {
  heal(world);
  const { stableRevision: stable } = world.status;
  // A template that is nowhere any more can only come from the user.
  if (stable !== undefined && world.workloads[stable] === undefined) world.target = stable;
}

/** From now on passes run only when something happens or their own time has come, as in the operator. */
function expectSettled(world: World): void {
  const end = world.now + 4 * 3_600_000;
  let quietFor = 0;
  while (world.now < end && (quietFor < 60 || !isTerminal(world))) {
    const before = seen(world);
    world.tick();
    if (seen(world) === before) {
      const { requeueAt } = world.pass();
      if (requeueAt === undefined && seen(world) === before) break;
      world.now = Math.max(world.now, requeueAt ?? 0);
    }
    world.settle();
    quietFor = seen(world) === before ? quietFor + 1 : 0;
  }
  const { phase = '', message = '', stableRevision = '' } = world.status;
  const told = `settles: ${phase}: ${message}`;
  expect(isTerminal(world), told).toBe(true);
  if (phase === 'Paused') return;
  expect(world.baselines, `nothing is left behind: ${told}`).toEqual({});
  if (world.spec.replicas > 0) {
    expect(world.weights, told).toEqual({ [stableRevision]: 100 });
    expect(world.subsets, told).toEqual([stableRevision]);
    expect(world.workloads[stableRevision], told).toMatchObject({ ready: world.spec.replicas });
  }
  const { status } = world;
  const written = writes(world);
  world.run(60);
  expect(world.status, 'quiet').toEqual(status);
  expect(writes(world), 'quiet').toEqual(written);
}

function isTerminal({ status }: World): boolean {
  return ['Healthy', 'RolledBack', 'Paused'].includes(status.phase ?? '');
}

/** What watches would tell the operator of. */
function seen({ workloads, baselines, weights, subsets, effective, status, effects }: World): string {
  const pods = { ...workloads, ...baselines };
  return JSON.stringify([pods, weights, subsets, effective, status.phase, status.step, effects.length]);
}

/** Writes, the clearing away of old commands aside. */
function writes({ effects }: World): unknown[] {
  return effects.filter(({ kind }) => kind !== 'deleteCommand');
}

/** The revision that somebody means who gives this command. */
function fitting(action: Action, { status, target }: World): string {
  if (action === 'retry') return status.rejected?.revision ?? target;
  if (action === 'rollbackTo') return status.retired?.[0]?.revision ?? target;
  return status.candidateRevision ?? target;
}

function without<T extends object>(object: T, field: string): T {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== field)) as T;
}
