import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../../../src/kube/types.ts';
import { expect } from '../scenarios/context.ts';
import type { Pod } from '../harness/objects.ts';
import type { Chaos, ChaosScenario } from './chaos.ts';
import { abortedAfterwards, begun, promoted } from './endings.ts';
import { NEWS_MS } from './losses.ts';

const AWAY_MS = 6000;
const STEPS = [
  { weight: 5, for: '2s' },
  { weight: 40, for: '2s' },
  { weight: 60, for: '6s' },
  { weight: 100 },
];

/** Versions that lose their pods. */
export const pods: readonly ChaosScenario[] = [
  {
    name: 'stable loses all its pods at 60%',
    async run(chaos) {
      const { context } = chaos;
      const { kube } = context.bed;
      await chaos.healthy({ steps: STEPS });
      const { candidateRevision: candidate, stableRevision: stable } = await begun(
        chaos,
        'v2',
        60,
        {},
        { steps: STEPS },
      );
      await noMorePods(chaos);
      const struckAt = Date.now();
      chaos.strikes(stable);
      const doomed = await podsOf(chaos, stable);
      await Promise.all(doomed.map(({ metadata }) => kube.delete('Pod', context.namespace, metadata.name)));
      await context.bed.eventually(
        'all traffic goes to who can serve it',
        NEWS_MS,
        async () => chaos.course.weightOf(candidate) === 100,
      );
      chaos.notes['awayMs'] = (chaos.course.firstAt(candidate, 100, struckAt) ?? Infinity) - struckAt;
      await delay(AWAY_MS);
      await kube.delete('ResourceQuota', context.namespace, 'pods');
      await promoted(chaos, 'v2');
      const weights = String(chaos.course.weightsOf(candidate));
      expect('the step went on where it was', weights === '5,40,60,100,60,100', weights);
      await abortedAfterwards(chaos, 'v3', { steps: STEPS });
    },
  },
];

interface Quota extends KubeObject {
  status?: { used?: Record<string, string> };
}

/** Pods that go are not replaced, until the quota is gone. */
async function noMorePods({ context }: Chaos): Promise<void> {
  const { kube } = context.bed;
  await kube.apply({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'pods', namespace: context.namespace },
    spec: { hard: { pods: '1' } },
  } as KubeObject);
  await context.bed.eventually('the quota is counted', 20_000, async () => {
    const { status } = await kube.get<Quota>('ResourceQuota', context.namespace, 'pods');
    return status?.used?.['pods'] !== undefined;
  });
}

async function podsOf({ context }: Chaos, revision: string): Promise<Pod[]> {
  return context.bed.kube.list<Pod>('Pod', context.namespace, `songbird.dev/revision=${revision}`);
}
