import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { KubeObject } from '../kube/types.ts';
import { readCrds } from '../sandbox/demo/manifests.ts';
import type { Plan } from './cluster/plan.ts';
import { type Outcome, runPlan } from './cluster/run.ts';
import { shrink } from './cluster/shrink.ts';
import { type Broken, type Mode, type SeedResult, livesOf } from './seeds.ts';
import { inThreads } from './threads.ts';
import { tellWorlds } from './worlds.ts';
import type { SeedTask } from './worker.ts';

const HELP = `npm run simulate -- [options]

Plays whole lives of releases through the production code, in a cluster, a mesh and a time of their own, and checks the
invariants at every step. One seed decides everything: what is applied, how versions behave, what people do, what fails.

  --seeds N          so many lives (default 100)
  --seed S           the first seed (default 1); alone it plays that one life, and tells of it
  --faults none      nothing fails; people and versions behave as they do
  --faults writes    each write of each life goes wrong in turn: a crash before it, after it, or its answer is lost
  --through decide   only through the decision core, in a world of plain data; without faults
  --through worlds   no lives: what decide does in each of all small worlds
  --plan FILE        plays the plan of a file, and tells of it
  --save FILE        where the plan of the first broken invariant is written, as short as it could be made
  --threads N        so many at the same time (as many as there are processors by default)
  --json             ends with one JSON object

Exit status 1: an invariant was broken. Its shortest life and the command that plays it again are printed.`;

interface Options {
  readonly first: number;
  readonly seeds: number;
  readonly mode: Mode;
  readonly threads: number;
  readonly json: boolean;
  readonly save: string | undefined;
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
      threads: { type: 'string' },
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
  const through = oneOf('through', values.through, ['cluster', 'decide', 'worlds']);
  const options: Options = {
    first: whole('seed', values.seed ?? '1'),
    seeds: alone ? 1 : whole('seeds', values.seeds ?? '100'),
    mode: through === 'decide' ? through : oneOf('faults', values.faults, ['all', 'none', 'writes']),
    threads: Math.max(1, whole('threads', values.threads ?? String(availableParallelism()))),
    json: values.json,
    save: values.save,
  };
  if (through === 'worlds') return tellWorlds(options);
  const crds = await readCrds();
  if (values.plan !== undefined) return playFile(values.plan, crds, options);
  return alone && options.mode !== 'decide'
    ? playAlone(options, options.mode, crds)
    : playSeeds(crds, options);
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

/** One seed, and all that there is to tell of it. */
async function playAlone(
  options: Options,
  mode: Exclude<Mode, 'decide'>,
  crds: readonly KubeObject[],
): Promise<number> {
  const sum: Sum = { seeds: 1, steps: 0, faults: 0, violations: 0, releasesPerSecond: 0 };
  const startedAt = performance.now();
  let lives = 0;
  for await (const { plan, outcome } of livesOf(options.first, mode, crds)) {
    lives += 1;
    sum.steps += outcome.steps;
    sum.faults += outcome.faults;
    const [violation] = outcome.violations;
    if (violation === undefined) tell(outcome);
    else {
      sum.violations = 1;
      await explain(options.first, { plan, ...violation }, crds, options);
      break;
    }
  }
  return end({ ...sum, releasesPerSecond: perSecond(lives, startedAt) }, options);
}

/** So many broken lives are made short, which takes longer than to find them. */
const MOST_EXPLAINED = 3;

async function playSeeds(crds: readonly KubeObject[], options: Options): Promise<number> {
  const { first, seeds, mode, threads } = options;
  const each = mode === 'decide' ? 100 : 1;
  const tasks = Array.from({ length: Math.ceil(seeds / each) }, (_, index): SeedTask => {
    const from = first + index * each;
    return { mode, first: from, seeds: Math.min(each, first + seeds - from) };
  });
  const startedAt = performance.now();
  const script = new URL('./worker.ts', import.meta.url);
  const lists = await inThreads<SeedResult[]>(script, tasks, threads, (results) => {
    for (const { seed, broken } of results)
      if (broken !== undefined) print(`seed ${seed} breaks ${broken.invariant}: ${broken.sentence}`);
  });
  const endedAt = performance.now();
  const results = lists.flat();
  const total = (field: 'lives' | 'steps' | 'faults') => results.reduce((sum, one) => sum + one[field], 0);
  const releasesPerSecond = perSecond(total('lives'), startedAt, endedAt);
  const bad = results.filter(({ broken }) => broken !== undefined);
  for (const { seed, broken } of bad.slice(0, MOST_EXPLAINED))
    if (broken !== undefined && mode !== 'decide') await explain(seed, broken, crds, options);
  return end(
    { seeds, steps: total('steps'), faults: total('faults'), violations: bad.length, releasesPerSecond },
    options,
  );
}

/** Prints the shortest life that still breaks the same invariant. */
async function explain(
  seed: number,
  { plan, invariant }: Broken,
  crds: readonly KubeObject[],
  { save, mode }: Options,
): Promise<void> {
  const breaks = async (smaller: Plan) => {
    const { violations } = await runPlan(smaller, crds);
    return violations[0]?.invariant === invariant;
  };
  const smallest = await shrink(plan, breaks);
  const file = save ?? `simulate-${seed}.json`;
  await writeFile(file, `${JSON.stringify(smallest, undefined, 2)}\n`);
  tell(await runPlan(smallest, crds));
  const faults = mode === 'all' ? '' : ` --faults ${mode}`;
  print(`\nseed ${seed} breaks ${invariant}. The whole life: npm run simulate -- --seed ${seed}${faults}`);
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

function perSecond(lives: number, startedAt: number, endedAt = performance.now()): number {
  return Math.round((lives * 10_000) / (endedAt - startedAt)) / 10;
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
