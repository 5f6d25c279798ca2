/**
 * What breaks around releases, on real parts: `npm run e2e:chaos -- [options]`; `--help` tells which.
 * Prints one line a scenario; exit status 0 only when every one is ok.
 */
import { mkdir } from 'node:fs/promises';
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
import { messageOf } from './control-plane/build.ts';
import type { ControlPlane } from './control-plane/start.ts';
import { startControlPlane } from './control-plane/start.ts';
import { CannotRun, endWithParent, enterNetwork, insideNetwork } from './harness/network.ts';
import type { OperatorProcess } from './harness/operator.ts';
import { OURS } from './harness/remote-plane.ts';
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

interface Result extends Pick<Losses, 'lostByVersion' | 'lostByMachinery' | 'lostByOutage'> {
  readonly scenario: string;
  readonly ok: boolean;
  readonly requests: number;
  /** Null where nothing had to go back. */
  readonly secondsToZero: number | null;
  readonly seconds: number;
  readonly seed: number;
  readonly notes: Readonly<Record<string, number | string>>;
  readonly errors?: readonly string[];
}

interface World {
  readonly bed: Testbed;
  readonly plane: ControlPlane;
  readonly operator: OperatorProcess;
  readonly seed: number;
}

async function runOne(world: World, scenario: ChaosScenario, index: number): Promise<Result> {
  const { bed, plane, operator, seed } = world;
  const namespace = `chaos-${index}`;
  await bed.kube.create({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, labels: { [OURS]: 'true' } },
  });
  const context = new Context(bed, operator, namespace);
  const chaos = new Chaos(context, {
    plane,
    kills: whole('kills', options.kills),
    random: new Random(seed + index),
  });
  const started = performance.now();
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
  const seconds = Math.round((performance.now() - started) / 100) / 10;
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

function print(result: Result): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const {
    scenario,
    ok,
    requests,
    lostByVersion,
    lostByMachinery,
    secondsToZero,
    seconds,
    notes,
    errors = [],
  } = result;
  process.stdout.write(
    `${ok ? 'ok  ' : 'FAIL'} ${scenario} (${seconds} s)  of ${requests} requests lost by version ${lostByVersion}, ` +
      `by machinery ${lostByMachinery}; ${secondsToZero ?? '-'} s to weight 0\n`,
  );
  const outages = Object.entries(result.lostByOutage).map(([what, count]) => [`lost while ${what}`, count]);
  for (const [name, value] of [...outages, ...Object.entries(notes)])
    process.stdout.write(`       ${name}: ${value}\n`);
  for (const error of errors) process.stdout.write(`       ${error}\n`);
}

async function inside(): Promise<number> {
  const seed = options.seed === undefined ? Date.now() % 1_000_000 : whole('seed', options.seed);
  const plane = await startControlPlane({ controllerManager: true, audit: true, log });
  const bed = await startTestbed({ plane });
  const interrupt = new AbortController();
  const stop = () => {
    interrupt.abort();
    void bed.stop().then(() => process.exit(130));
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const results: Result[] = [];
  try {
    const operator = await bed.operator({ args: ['--leader-elect'] });
    await operator.start();
    for (const [index, scenario] of SCENARIOS.entries()) {
      if (!scenario.name.includes(options.only)) continue;
      const result = await runOne({ bed, plane, operator, seed }, scenario, index);
      if (interrupt.signal.aborted) break;
      results.push(result);
      print(result);
    }
  } finally {
    if (options.logs !== undefined) {
      await mkdir(options.logs, { recursive: true });
      await bed.keepLogs(options.logs).catch((error: unknown) => {
        log(`logs not kept: ${messageOf(error)}`);
      });
    }
    await bed.stop();
  }
  const failed = results.filter(({ ok }) => !ok).length;
  (options.json ? process.stderr : process.stdout).write(
    `${results.length - failed} passed, ${failed} failed; seed ${seed}\n`,
  );
  return failed === 0 && results.length > 0 ? 0 : 1;
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** @throws CannotRun when the option is no whole number from 0 */
function whole(option: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0 && text !== '') return value;
  throw new CannotRun(`--${option} must be a whole number from 0, not "${text}"`);
}

try {
  if (options.help) {
    process.stdout.write(HELP);
  } else if (insideNetwork()) {
    endWithParent();
    process.exitCode = await inside();
  } else {
    whole('kills', options.kills);
    whole('seed', options.seed ?? '0');
    await installTools();
    process.exitCode = await enterNetwork(import.meta.filename);
  }
} catch (error) {
  process.stderr.write(`${error instanceof CannotRun ? error.message : messageOf(error)}\n`);
  process.exitCode = 1;
}
