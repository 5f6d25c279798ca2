/**
 * The end-to-end scenarios on real parts: `npm run e2e -- [options]`; `--help` tells which.
 * Prints one line a scenario; exit status 0 only when every one is ok.
 */
import { parseArgs } from 'node:util';
import type { ServerAccess } from './control-plane/access.ts';
import { messageOf, toStderr } from './control-plane/build.ts';
import { accessOf } from './control-plane/kubeconfig.ts';
import { BridgeHead, openBridge } from './harness/bridge.ts';
import { acrossNetwork, CannotRun, enterNetwork } from './harness/network.ts';
import { RemotePlane } from './harness/remote-plane.ts';
import { type Outcome, runScenarios, say, type Stage, stopwatch, type Told } from './harness/scenarios.ts';
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

interface Result extends Report, Outcome {
  readonly error?: string;
  readonly tier: string | undefined;
}

async function runOne(
  bed: Testbed,
  scenario: Scenario,
  { operator, namespace }: Stage,
): Promise<Omit<Result, 'tier'>> {
  const context = new Context(bed, operator, namespace);
  const seconds = stopwatch();
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

function tell({ requests, failed, weights, error, notes = {} }: Result): Told {
  const traffic =
    requests === 0 ? '' : `  ${failed} of ${requests} requests failed, weights ${weights.join(' ')}`;
  return { figures: traffic, notes, errors: error === undefined ? [] : [error] };
}

async function inside(): Promise<number> {
  const bridge = await BridgeHead.find();
  const bed = await startTestbed(
    bridge === undefined ? {} : { plane: await RemotePlane.attach(bridge, toStderr) },
  );
  const run = async (scenario: Scenario, stage: Stage): Promise<Result> => ({
    ...(await runOne(bed, scenario, stage)),
    tier: process.env[TIER],
  });
  return runScenarios(bed, { scenarios: SCENARIOS, name: 'scenario', run, tell }, options);
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
    say(`kind tier: skipped, no container engine answers (${why})`, options);
    return 0;
  }
  const kind = await startKind(toStderr);
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

if (options.help) process.stdout.write(HELP);
else await acrossNetwork({ outside, inside });
