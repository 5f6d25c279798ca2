import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { KubeObject } from '../kube/types.ts';
import { readCrds } from '../sandbox/demo/manifests.ts';
import { faultAtEachWrite, planOf, withFaults } from './cluster/make-plan.ts';
import type { Plan } from './cluster/plan.ts';
import { type Outcome, runPlan } from './cluster/run.ts';
import { shrink } from './cluster/shrink.ts';
import { decideLives } from './decide-lives.ts';

const HELP = `npm run simulate -- [options]

Plays whole lives of releases through the production code, in a cluster, a mesh and a time of their own, and checks the
invariants at every step. One seed decides everything: what is applied, how versions behave, what people do, what fails.

  --seeds N          so many lives (default 100)
  --seed S           the first seed (default 1); alone it plays that one life, and tells of it
  --faults none      nothing fails; people and versions behave as they do
  --faults writes    each write of each life goes wrong in turn: a crash before it, after it, or its answer is lost
  --through decide   only through the decision core, in a world of plain data; without faults
  --plan FILE        plays the plan of a file, and tells of it
  --save FILE        where the plan of the first broken invariant is written, as short as it could be made
  --json             ends with one JSON object

Exit status 1: an invariant was broken. Its shortest life and the command that plays it again are printed.`;

interface Options {
  readonly first: number;
  readonly seeds: number;
  readonly faults: 'all' | 'none' | 'writes';
  readonly json: boolean;
  readonly save: string | undefined;
  /** Tells of each life, not only of bad ones. */
  readonly tells: boolean;
}

/** What all lives together came to. */
interface Sum {
  seeds: number;
  steps: number;
  faults: number;
  violations: number;
  releasesPerSecond: number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' },
      seed: { type: 'string' },
      faults: { type: 'string', default: 'all' },
      through: { type: 'string', default: 'cluster' },
      plan: { type: 'string' },
      save: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(HELP);
    return 0;
  }
  const alone = values.seed !== undefined && values.seeds === undefined;
  const options: Options = {
    first: whole('seed', values.seed ?? '1'),
    seeds: alone ? 1 : whole('seeds', values.seeds ?? '100'),
    faults: oneOf('faults', values.faults, ['all', 'none', 'writes']),
    json: values.json,
    save: values.save,
    tells: alone,
  };
  if (oneOf('through', values.through, ['cluster', 'decide']) === 'decide') {
    return end(decideLives(options.first, options.seeds), options);
  }
  const crds = await readCrds();
  if (values.plan !== undefined) return playFile(values.plan, crds, options);
  return end(await playSeeds(crds, options), options);
}

async function playFile(file: string, crds: readonly KubeObject[], options: Options): Promise<number> {
  const plan = JSON.parse(await readFile(file, 'utf8')) as Plan;
  const startedAt = performance.now();
  const outcome = await runPlan(plan, crds);
  tell(outcome);
  const sum = {
    seeds: 1,
    steps: outcome.steps,
    faults: outcome.faults,
    violations: outcome.violations.length,
  };
  return end({ ...sum, releasesPerSecond: perSecond(1, startedAt) }, options);
}

async function playSeeds(crds: readonly KubeObject[], options: Options): Promise<Sum> {
  const sum: Sum = { seeds: 0, steps: 0, faults: 0, violations: 0, releasesPerSecond: 0 };
  const startedAt = performance.now();
  let lives = 0;
  for (let seed = options.first; seed < options.first + options.seeds; seed++) {
    for await (const { plan, outcome } of livesOf(seed, crds, options)) {
      lives += 1;
      sum.steps += outcome.steps;
      sum.faults += outcome.faults;
      if (options.tells && outcome.violations.length === 0) tell(outcome);
      if (outcome.violations.length === 0) continue;
      sum.violations += 1;
      await explain(seed, plan, outcome, crds, options);
      break;
    }
    sum.seeds += 1;
  }
  sum.releasesPerSecond = perSecond(lives, startedAt);
  return sum;
}

/** The life of a seed without faults, and those with the faults that hang on it. */
async function* livesOf(
  seed: number,
  crds: readonly KubeObject[],
  { faults }: Options,
): AsyncGenerator<{ plan: Plan; outcome: Outcome }> {
  const plan = planOf(seed);
  // What faults hang on is watched at rest with them.
  const outcome = await runPlan(plan, crds, faults === 'none' ? {} : { quietMs: 5000 });
  yield { plan, outcome };
  if (faults === 'none') return;
  const { recorded } = outcome;
  const plans = faults === 'all' ? [withFaults(plan, recorded)] : faultAtEachWrite(plan, recorded);
  for (const faulty of plans) yield { plan: faulty, outcome: await runPlan(faulty, crds) };
}

/** Prints the shortest life that still breaks the same invariant. */
async function explain(
  seed: number,
  plan: Plan,
  outcome: Outcome,
  crds: readonly KubeObject[],
  options: Options,
): Promise<void> {
  const invariant = outcome.violations[0]?.invariant;
  const breaks = async (smaller: Plan) => {
    const { violations } = await runPlan(smaller, crds);
    return violations[0]?.invariant === invariant;
  };
  const smallest = await shrink(plan, breaks);
  const file = options.save ?? `simulate-${seed}.json`;
  await writeFile(file, `${JSON.stringify(smallest, undefined, 2)}\n`);
  tell(await runPlan(smallest, crds));
  const none = options.faults === 'all' ? '' : ` --faults ${options.faults}`;
  print(
    `\nseed ${seed} breaks ${invariant ?? ''}. The whole life: npm run simulate -- --seed ${seed}${none}`,
  );
  print(`The shortest: npm run simulate -- --plan ${file}\n`);
}

function tell({ trace, violations, status, losses, tookMs }: Outcome): void {
  for (const line of trace) print(line);
  for (const { invariant, sentence } of violations) print(`${invariant}: ${sentence}`);
  const { requests, failed, lost } = losses;
  print(
    `${status.phase ?? 'no release'} after ${Math.round(tookMs / 1000)} s; ${requests} requests, ${failed} failed by a version, ${lost} sent to no pod`,
  );
}

function end(sum: Sum, { json }: Options): number {
  const { seeds, steps, faults, violations, releasesPerSecond } = sum;
  if (json) print(JSON.stringify(sum));
  else {
    print(
      `${seeds} seeds, ${steps} steps, ${faults} faults, ${violations} violations, ${releasesPerSecond} releases a second`,
    );
  }
  return violations === 0 ? 0 : 1;
}

function perSecond(lives: number, startedAt: number): number {
  return Math.round((lives * 10_000) / (performance.now() - startedAt)) / 10;
}

function whole(option: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new Error(`--${option} must be a whole number, not ${JSON.stringify(text)}`);
}

function oneOf<T extends string>(option: string, text: string, values: readonly T[]): T {
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  throw new Error(`--${option} must be ${values.join(' or ')}, not ${JSON.stringify(text)}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
