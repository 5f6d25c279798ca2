import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../../../src/kube/types.ts';
import { expect } from '../scenarios/context.ts';
import { type Pod, isReady } from '../harness/objects.ts';
import type { Chaos, ChaosScenario } from './chaos.ts';
import { abortedAfterwards, begun, promoted, rolledBack } from './endings.ts';

const AWAY_MS = 6000;
/** Until the operator has sent all traffic to who can serve it: far more than it takes, for a busy machine. */
const MOVED_MS = 5000;
const POLL_MS = 50;
const SETTINGS = 'settings';
const STEPS = {
  steps: [{ weight: 5, for: '2s' }, { weight: 40, for: '2s' }, { weight: 60, for: '5s' }, { weight: 100 }],
};

/** Versions that lose their pods. */
export const pods: readonly ChaosScenario[] = [
  {
    name: 'candidate crash-loops at 40%',
    async run(chaos) {
      const spec = { progressDeadline: '2m' };
      await chaos.healthy(spec);
      const { candidateRevision: candidate } = await begun(chaos, 'v2', 40, {}, spec);
      const over = new AbortController();
      const crashing = crashLoop(chaos, candidate, over.signal);
      try {
        await rolledBack(chaos, 'v2', ['AnalysisFailed', 'CandidateUnstable']);
      } finally {
        over.abort();
        chaos.notes['crashes'] = await crashing;
      }
      const highest = Math.max(...chaos.course.weightsOf(candidate));
      expect('it never went beyond 40%', highest === 40, chaos.course.weightsOf(candidate));
      chaos.notes['weights'] = chaos.course.weightsOf(candidate).join(' ');
      await abortedAfterwards(chaos, 'v3', spec);
    },
  },
  {
    name: 'stable loses all its pods at 60%',
    async run(chaos) {
      const { context, course } = await withSettings(chaos);
      const { candidateRevision: candidate, stableRevision: stable } = await begun(
        chaos,
        'v2',
        60,
        {},
        STEPS,
      );
      const struckAt = await loseAll(chaos, stable);
      await context.bed.eventually(
        'the candidate stands in',
        MOVED_MS,
        async () => course.weightOf(candidate) === 100,
      );
      chaos.notes['movedMs'] = (course.firstAt(candidate, 100, struckAt) ?? Infinity) - struckAt;
      await delay(AWAY_MS);
      const { step } = await context.status();
      expect('the step waits for stable', step?.weight === 60, step);
      await context.bed.kube.apply(settings(chaos));
      await promoted(chaos, 'v2');
      const weights = String(course.weightsOf(candidate));
      expect('it went on where it was', weights === '5,40,60,100,60,100', weights);
      await abortedAfterwards(chaos, 'v3', STEPS);
    },
  },
  {
    name: 'candidate fails while stable has no pods',
    async run(chaos) {
      await withSettings(chaos);
      const { context, course } = chaos;
      const { candidateRevision: candidate, stableRevision: stable } = await begun(
        chaos,
        'v2',
        60,
        {},
        STEPS,
      );
      // There is nobody to go back to, and by a rollback all requests would be lost.
      await chaos.hindered(async () => {
        await loseAll(chaos, stable);
        await context.bed.eventually(
          'the candidate stands in',
          MOVED_MS,
          async () => course.weightOf(candidate) === 100,
        );
        await context.bed.node.behave(await podsOf(chaos, candidate), { errorRate: 0.3 });
        await context.until(
          'it waits for stable',
          ({ phase, conditions }) =>
            phase === 'RollingBack' &&
            conditions?.some(({ reason }) => reason === 'WaitingForStable') === true,
        );
        await delay(AWAY_MS / 2);
        expect('it keeps its traffic', course.weightOf(candidate) === 100, course.weightsOf(candidate));
        await context.bed.kube.apply(settings(chaos));
        await context.bed.eventually('a pod of stable is ready', 30_000, async () =>
          (await podsOf(chaos, stable)).some(isReady),
        );
      });
      await rolledBack(chaos, 'v2', ['AnalysisFailed']);
    },
  },
];

/** Kills the app of each pod of a revision as soon as it is ready, again and again, until the signal. */
async function crashLoop(chaos: Chaos, revision: string, signal: AbortSignal): Promise<number> {
  const { bed, namespace } = chaos.context;
  let crashes = 0;
  while (!signal.aborted) {
    for (const { metadata } of await podsOf(chaos, revision)) {
      const runner = bed.node.runner(namespace, metadata.name);
      for (const { pid, status } of runner?.containers ?? []) {
        if (pid === undefined || !status.ready) continue;
        chaos.strikes(revision);
        process.kill(pid, 'SIGKILL');
        crashes += 1;
      }
    }
    await delay(POLL_MS);
  }
  return crashes;
}

function podsOf({ context }: Chaos, revision: string): Promise<Pod[]> {
  return context.bed.kube.list<Pod>('Pod', context.namespace, `songbird.dev/revision=${revision}`);
}

/** v1 with traffic; it cannot start without a ConfigMap. */
async function withSettings(chaos: Chaos): Promise<Chaos> {
  const { context } = chaos;
  await context.bed.kube.apply(settings(chaos));
  const { template } = context.manifest('v1').spec as { template: { spec: { containers: object[] } } };
  const containers = template.spec.containers.map((container) => ({
    ...container,
    envFrom: [{ configMapRef: { name: SETTINGS } }],
  }));
  await chaos.healthy({ ...STEPS, template: { spec: { containers } } });
  return chaos;
}

function settings({ context }: Chaos): KubeObject & { data: Record<string, string> } {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: SETTINGS, namespace: context.namespace },
    data: { GREETING: 'hello' },
  };
}

/**
 * Deletes all pods of a revision, as the drain of their nodes would do without a budget; those that replace them cannot
 * start as long as their ConfigMap is missing. Answers when.
 */
async function loseAll(chaos: Chaos, revision: string): Promise<number> {
  const { kube } = chaos.context.bed;
  const { namespace } = chaos.context;
  await kube.delete('ConfigMap', namespace, SETTINGS);
  const doomed = await podsOf(chaos, revision);
  const at = chaos.strikes(revision);
  await Promise.all(doomed.map(({ metadata }) => kube.delete('Pod', namespace, metadata.name)));
  return at;
}
