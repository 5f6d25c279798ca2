/**
 * What breaks around releases, on real parts: `npm run e2e:chaos -- [options]`; `--help` tells which.
 * Prints one line a scenario; exit status 0 only when every one is ok.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Random } from '../../src/sandbox/cluster/random.ts';
import { away } from './chaos/away.ts';
import { Chaos, type ChaosScenario, LOG_FLUSH_MS, MOST_SECONDS_TO_ZERO } from './chaos/chaos.ts';
import { kills } from './chaos/kills.ts';
import { leaders } from './chaos/leaders.ts';
import { type Losses, NEWS_MS } from './chaos/losses.ts';
import { pods } from './chaos/pods.ts';
import { rights } from './chaos/rights.ts';
import { sources } from './chaos/sources.ts';
import { messageOf, toStderr } from './control-plane/build.ts';
import type { ControlPlane } from './control-plane/start.ts';
import { startControlPlane } from './control-plane/start.ts';
import { acrossNetwork, CannotRun, enterNetwork } from './harness/network.ts';
import { type Outcome, runScenarios, type Stage, stopwatch, type Told } from './harness/scenarios.ts';
import { type Testbed, installTools, startTestbed } from './harness/testbed.ts';
import { Context } from './scenarios/context.ts';

const SCENARIOS: readonly ChaosScenario[] = [kills, ...away, ...leaders, ...sources, ...pods, ...rights];

const HELP = `npm run e2e:chaos -- [options]

Runs releases on a control plane of their own, under traffic, while the parts around them break.

  --kills N     how often the operator is killed (50)
  --seed N      decides the moments of the kills; by default another one each time
  --only TEXT   the scenarios whose names contain this
  --json        one JSON object a scenario
  --logs DIR    keeps all logs there

Of each scenario: requests, and whose fault it was that some were lost.
  lostByVersion    its code answered with an error; or its pods had died by themselves, or by the scenario, less than
                   ${NEWS_MS / 1000} s before: nobody who routes can know it at once
  lostByOutage     a part that every request needs was taken away by the scenario, such as the gateway
  lostByMachinery  all others: refused, reset, too late, no endpoint, no route. Must be none
  secondsToZero    from a failing verdict or the order abort to weight 0, at most ${MOST_SECONDS_TO_ZERO}; null where nothing had
                   to go back. Counted from when the API server answers again, or grants the operator's rights
`;

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    kills: { type: 'string', default: '50' },
    seed: { type: 'string' },
    only: { type: 'string', default: '' },
    logs: { type: 'string' },
  },
});

interface Result extends Outcome, Pick<Losses, 'lostByVersion' | 'lostByMachinery' | 'lostByOutage'> {
  readonly requests: number;
  /** Null where nothing had to go back. */
  readonly secondsToZero: number | null;
  readonly seed: number;
  readonly notes: Readonly<Record<string, number | string>>;
  readonly errors?: readonly string[];
}

interface World {
  readonly bed: Testbed;
  readonly plane: ControlPlane;
  readonly seed: number;
}

async function runOne(world: World, scenario: ChaosScenario, stage: Stage): Promise<Result> {
  const { bed, plane, seed } = world;
  const context = new Context(bed, stage.operator, stage.namespace);
  const chaos = new Chaos(context, {
    plane,
    kills: whole('kills', options.kills),
    random: new Random(seed + stage.index),
  });
  const took = stopwatch();
  const errors: string[] = [];
  const attempt = async (act: () => Promise<void>) => {
    await act().catch((error: unknown) => errors.push(messageOf(error)));
  };
  let seen = {
    requests: 0,
    lostByVersion: 0,
    lostByMachinery: 0,
    lostByOutage: {},
    secondsToZero: null as number | null,
  };
  await attempt(() => scenario.run(chaos));
  await attempt(async () => {
    const { requests } = await context.load.stop();
    await delay(LOG_FLUSH_MS);
    const { lostByVersion, lostByMachinery, lostByOutage, samples, lostByBlow, newsMs } =
      await chaos.losses();
    seen = { requests, lostByVersion, lostByMachinery, lostByOutage, secondsToZero: chaos.secondsToZero() };
    if (lostByBlow > 0) Object.assign(chaos.notes, { lostByBlow, newsMs });
    if (lostByMachinery > 0)
      errors.push(`${lostByMachinery} requests lost by machinery: ${samples.join('; ')}`);
    const { secondsToZero } = seen;
    if (secondsToZero !== null && secondsToZero > MOST_SECONDS_TO_ZERO)
      errors.push(`${secondsToZero} s to weight 0, not ${MOST_SECONDS_TO_ZERO}`);
  });
  const seconds = took();
  await attempt(() => context.clear());
  chaos.close();
  await attempt(() => context.close());
  return {
    scenario: scenario.name,
    ok: errors.length === 0,
    ...seen,
    seconds,
    seed,
    notes: chaos.notes,
    ...(errors.length === 0 ? {} : { errors }),
  };
}

function tell(result: Result): Told {
  const { requests, lostByVersion, lostByMachinery, secondsToZero, errors = [] } = result;
  const notes: Record<string, number | string> = {};
  for (const [what, count] of Object.entries(result.lostByOutage)) notes[`lost while ${what}`] = count;
  return {
    figures:
      `  of ${requests} requests lost by version ${lostByVersion}, ` +
      `by machinery ${lostByMachinery}; ${secondsToZero ?? '-'} s to weight 0`,
    notes: { ...notes, ...result.notes },
    errors,
  };
}

async function inside(): Promise<number> {
  const seed = options.seed === undefined ? Date.now() % 1_000_000 : whole('seed', options.seed);
  const plane = await startControlPlane({ controllerManager: true, audit: true, log: toStderr });
  const bed = await startTestbed({ plane });
  const run = (scenario: ChaosScenario, stage: Stage) => runOne({ bed, plane, seed }, scenario, stage);
  return runScenarios(
    bed,
    { scenarios: SCENARIOS, name: 'chaos', run, tell, remark: `; seed ${seed}` },
    options,
  );
}

async function outside(): Promise<number> {
  whole('kills', options.kills);
  whole('seed', options.seed ?? '0');
  await installTools();
  return enterNetwork(import.meta.filename);
}

/** @throws CannotRun when the option is no whole number from 0 */
function whole(option: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0 && text !== '') return value;
  throw new CannotRun(`--${option} must be a whole number from 0, not "${text}"`);
}

if (options.help) process.stdout.write(HELP);
else await acrossNetwork({ outside, inside });
