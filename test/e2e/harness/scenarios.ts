import { mkdir } from 'node:fs/promises';
import { messageOf, toStderr } from '../control-plane/build.ts';
import type { OperatorProcess } from './operator.ts';
import { OURS } from './remote-plane.ts';
import type { Testbed } from './testbed.ts';

/** What `--json` prints of a scenario; each script adds what it measures. */
export interface Outcome {
  readonly scenario: string;
  readonly ok: boolean;
  readonly seconds: number;
}

/** What people read after an outcome. */
export interface Told {
  /** The end of its line. */
  readonly figures: string;
  /** Each on a line of its own, below. */
  readonly notes: Readonly<Record<string, number | string>>;
  readonly errors: readonly string[];
}

export interface Stage {
  readonly operator: OperatorProcess;
  /** Empty, and nobody else's. */
  readonly namespace: string;
  /** The scenario's place among all, whichever of them run. */
  readonly index: number;
}

export interface Script<S, R> {
  readonly scenarios: readonly S[];
  /** Namespaces are named so, with the scenario's index. */
  readonly name: string;
  /** Plays one scenario. A rejection ends the run: what a scenario finds is part of its outcome. */
  readonly run: (scenario: S, stage: Stage) => Promise<R>;
  readonly tell: (outcome: R) => Told;
  /** The end of the last line. */
  readonly remark?: string;
}

/** Options that every script of scenarios has. */
export interface ScriptOptions {
  readonly json: boolean;
  /** The scenarios whose names contain this. */
  readonly only: string;
  /** Where all logs are kept. */
  readonly logs?: string | undefined;
}

/**
 * Plays the chosen scenarios one after the other, before one operator, and prints a line for each. Ends the testbed,
 * on Ctrl-C too.
 * @returns the exit status: 0 only when there were some, and every one was ok
 */
export async function runScenarios<S extends { readonly name: string }, R extends Outcome>(
  bed: Testbed,
  script: Script<S, R>,
  options: ScriptOptions,
): Promise<number> {
  const interrupt = new AbortController();
  const stop = () => {
    interrupt.abort();
    void bed.stop().then(() => process.exit(130));
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const results: R[] = [];
  try {
    const operator = await bed.operator({ args: ['--leader-elect'] });
    await operator.start();
    for (const [index, scenario] of script.scenarios.entries()) {
      if (!scenario.name.includes(options.only)) continue;
      const namespace = `${script.name}-${index}`;
      await bed.kube.create({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: namespace, labels: { [OURS]: 'true' } },
      });
      const result = await script.run(scenario, { operator, namespace, index });
      if (interrupt.signal.aborted) break;
      results.push(result);
      process.stdout.write(
        options.json ? `${JSON.stringify(result)}\n` : linesOf(result, script.tell(result)),
      );
    }
  } finally {
    if (options.logs !== undefined) {
      await mkdir(options.logs, { recursive: true });
      await bed.keepLogs(options.logs).catch((error: unknown) => {
        toStderr(`logs not kept: ${messageOf(error)}`);
      });
    }
    await bed.stop();
  }
  const failed = results.filter(({ ok }) => !ok).length;
  say(`${results.length - failed} passed, ${failed} failed${script.remark ?? ''}`, options);
  return failed === 0 && results.length > 0 ? 0 : 1;
}

/** Starts a watch; it answers the seconds since then, to a tenth. */
export function stopwatch(): () => number {
  const started = performance.now();
  return () => Math.round((performance.now() - started) / 100) / 10;
}

/** A line for people, who read it on stderr where stdout is for programs. */
export function say(line: string, { json }: Pick<ScriptOptions, 'json'>): void {
  (json ? process.stderr : process.stdout).write(`${line}\n`);
}

function linesOf({ scenario, ok, seconds }: Outcome, { figures, notes, errors }: Told): string {
  const below = [...Object.entries(notes).map(([name, value]) => `${name}: ${value}`), ...errors];
  const first = `${ok ? 'ok  ' : 'FAIL'} ${scenario} (${seconds} s)${figures}`;
  return [first, ...below.map((line) => `       ${line}`)].map((line) => `${line}\n`).join('');
}
