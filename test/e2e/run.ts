/**
 * The end-to-end scenarios on real parts: `npm run e2e -- [options]`; `--help` tells which.
 * Prints one line a scenario; exit status 0 only when every one is ok.
 */
import { mkdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { ServerAccess } from './control-plane/access.ts';
import { messageOf } from './control-plane/build.ts';
import { accessOf } from './control-plane/kubeconfig.ts';
import { BridgeHead, openBridge } from './harness/bridge.ts';
import { CannotRun, endWithParent, enterNetwork, insideNetwork } from './harness/network.ts';
import type { OperatorProcess } from './harness/operator.ts';
import { OURS, RemotePlane } from './harness/remote-plane.ts';
import { type Testbed, installTools, startTestbed } from './harness/testbed.ts';
import { baseline } from './scenarios/baseline.ts';
import { changes } from './scenarios/changes.ts';
import { Context, type Report, type Scenario } from './scenarios/context.ts';
import { evidence } from './scenarios/evidence.ts';
import { faults } from './scenarios/faults.ts';
import { jobs } from './scenarios/jobs.ts';
import { manifests } from './scenarios/manifests.ts';
import { releases } from './scenarios/releases.ts';
import { templates } from './scenarios/templates.ts';

const SCENARIOS: readonly Scenario[] = [
  ...releases,
  ...evidence,
  ...baseline,
  templates,
  jobs,
  ...changes,
  ...faults,
  ...manifests,
];

const HELP = `npm run e2e -- [options]

Runs the end-to-end scenarios: on a control plane of their own, and then, where a container engine
answers, once more on a cluster in a container (the kind tier).

  --kind             the kind tier alone; --no-kind: without it
  --kubeconfig FILE  instead on the cluster of this file's current context. For clusters to throw away
                     only: CRDs, the operator's roles and a node are put into it, its own nodes are
                     tainted meanwhile, and all of that is removed at the end, unless the run is killed.
                     The API server's certificate must be valid for 127.0.0.1.
  --only TEXT        the scenarios whose names contain this
  --json             one JSON object a scenario
  --logs DIR         keeps all logs there
`;

const TIER = 'SONGBIRD_E2E_TIER';

const { values: options } = parseArgs({
  allowNegative: true,
  options: {
    help: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    kind: { type: 'boolean' },
    kubeconfig: { type: 'string' },
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
  await bed.kube.create({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, labels: { [OURS]: 'true' } },
  });
  const context = new Context(bed, operator, namespace);
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 100) / 10;
  try {
    const { requests, failed, weights, notes } = await scenario.run(context);
    const took = seconds();
    await context.clear();
    return {
      scenario: scenario.name,
      ok: true,
      seconds: took,
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
    process.stdout.write(`${JSON.stringify({ ...result, tier: process.env[TIER] })}\n`);
    return;
  }
  const { scenario, ok, seconds, requests, failed, weights, error, notes } = result;
  const traffic =
    requests === 0 ? '' : `  ${failed} of ${requests} requests failed, weights ${weights.join(' ')}`;
  process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${scenario} (${seconds} s)${traffic}\n`);
  for (const [name, value] of Object.entries(notes ?? {})) process.stdout.write(`       ${name}: ${value}\n`);
  if (error !== undefined) process.stdout.write(`       ${error}\n`);
}

/** A line for people, who read it on stderr where stdout is for programs. */
function say(line: string): void {
  (options.json ? process.stderr : process.stdout).write(`${line}\n`);
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function inside(): Promise<number> {
  const bridge = await BridgeHead.find();
  const bed = await startTestbed(
    bridge === undefined ? {} : { plane: await RemotePlane.attach(bridge, log) },
  );
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
      const result = await runOne(bed, operator, scenario, index);
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
  say(`${results.length - failed} passed, ${failed} failed`);
  return failed === 0 && results.length > 0 ? 0 : 1;
}

async function outside(): Promise<number> {
  await installTools();
  const { kubeconfig, kind } = options;
  if (kubeconfig !== undefined) {
    if (kind === true) throw new CannotRun('--kind and --kubeconfig name two clusters: give one of them.');
    const access = await accessOf(kubeconfig, (config) => {
      config.loadFromFile(kubeconfig);
    });
    return onCluster('kubeconfig', access);
  }
  const status = kind === true ? 0 : await enterNetwork(import.meta.filename);
  const interrupted = status >= 128;
  if (kind === false || interrupted) return status;
  return Math.max(status, await kindTier());
}

async function kindTier(): Promise<number> {
  // Loaded here alone, for it takes its time.
  const { startKind, whyNoEngine } = await import('./control-plane/kind.ts');
  const why = await whyNoEngine();
  if (why !== undefined) {
    say(`kind tier: skipped, no container engine answers (${why})`);
    return 0;
  }
  const kind = await startKind(log);
  try {
    return await onCluster('kind', kind.access);
  } finally {
    await kind.stop();
  }
}

async function onCluster(tier: string, access: ServerAccess): Promise<number> {
  const bridge = await openBridge(access);
  try {
    return await enterNetwork(import.meta.filename, { ...bridge.env, [TIER]: tier });
  } finally {
    await bridge.close();
  }
}

try {
  if (options.help) {
    process.stdout.write(HELP);
  } else if (insideNetwork()) {
    endWithParent();
    process.exitCode = await inside();
  } else {
    process.exitCode = await outside();
  }
} catch (error) {
  process.stderr.write(`${error instanceof CannotRun ? error.message : messageOf(error)}\n`);
  process.exitCode = 1;
}
