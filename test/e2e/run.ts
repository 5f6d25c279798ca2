/**
 * The end-to-end scenarios on real parts: `npm run e2e -- [--json] [--only TEXT] [--logs DIR]`.
 * Prints one line a scenario; exit status 0 only when every one is ok.
 */
import { mkdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { messageOf } from './control-plane/build.ts';
import { CannotRun, endWithParent, enterNetwork, insideNetwork } from './harness/network.ts';
import type { OperatorProcess } from './harness/operator.ts';
import { type Testbed, installTools, startTestbed } from './harness/testbed.ts';
import { changes } from './scenarios/changes.ts';
import { Context, type Report, type Scenario } from './scenarios/context.ts';
import { faults } from './scenarios/faults.ts';
import { manifests } from './scenarios/manifests.ts';
import { releases } from './scenarios/releases.ts';

const SCENARIOS: readonly Scenario[] = [...releases, ...changes, ...faults, ...manifests];

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    logs: { type: 'string' },
  },
});

interface Result extends Report {
  readonly scenario: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly error?: string;
}

async function runOne(
  bed: Testbed,
  operator: OperatorProcess,
  scenario: Scenario,
  index: number,
): Promise<Result> {
  const namespace = `scenario-${index}`;
  await bed.kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const context = new Context(bed, operator, namespace);
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 100) / 10;
  try {
    const { requests, failed, weights, notes } = await scenario.run(context);
    return {
      scenario: scenario.name,
      ok: true,
      seconds: seconds(),
      requests,
      failed,
      weights,
      ...(notes === undefined ? {} : { notes }),
    };
  } catch (error) {
    return {
      scenario: scenario.name,
      ok: false,
      seconds: seconds(),
      requests: 0,
      failed: 0,
      weights: [],
      error: messageOf(error),
    };
  } finally {
    await context.close();
  }
}

function print(result: Result): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const { scenario, ok, seconds, requests, failed, weights, error, notes } = result;
  const traffic =
    requests === 0 ? '' : `  ${failed} of ${requests} requests failed, weights ${weights.join(' ')}`;
  process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${scenario} (${seconds} s)${traffic}\n`);
  for (const [name, value] of Object.entries(notes ?? {})) process.stdout.write(`       ${name}: ${value}\n`);
  if (error !== undefined) process.stdout.write(`       ${error}\n`);
}

async function inside(): Promise<number> {
  const bed = await startTestbed();
  const stop = () => void bed.stop().then(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const results: Result[] = [];
  try {
    const operator = await bed.operator({ args: ['--leader-elect'] });
    await operator.start();
    for (const [index, scenario] of SCENARIOS.entries()) {
      if (!scenario.name.includes(options.only)) continue;
      if (!operator.running) await operator.start();
      const result = await runOne(bed, operator, scenario, index);
      results.push(result);
      print(result);
    }
  } finally {
    if (options.logs !== undefined) {
      await mkdir(options.logs, { recursive: true });
      await bed.keepLogs(options.logs);
    }
    await bed.stop();
  }
  const failed = results.filter(({ ok }) => !ok).length;
  const closing = `${results.length - failed} passed, ${failed} failed`;
  if (options.json) process.stderr.write(`${closing}\n`);
  else process.stdout.write(`${closing}\n`);
  return failed === 0 && results.length > 0 ? 0 : 1;
}

try {
  if (insideNetwork()) {
    endWithParent();
    process.exitCode = await inside();
  } else {
    await installTools();
    process.exitCode = await enterNetwork(import.meta.filename);
  }
} catch (error) {
  process.stderr.write(`${error instanceof CannotRun ? error.message : messageOf(error)}\n`);
  process.exitCode = 1;
}
