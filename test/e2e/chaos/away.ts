import { setTimeout as delay } from 'node:timers/promises';
import { expect } from '../scenarios/context.ts';
import type { Pod } from '../harness/objects.ts';
import type { Chaos, ChaosScenario } from './chaos.ts';
import { BAD, abortedAfterwards, begun, promoted, rolledBack } from './endings.ts';

/** Longer than the lease: the operator ends, and a fresh one goes on. */
const AWAY_MS = 30_000;
const STEPS = '5,40,60,100';

/** The API server and what is behind it. */
export const away: readonly ChaosScenario[] = [
  {
    name: 'API server away for 30 s, good release',
    async run(chaos) {
      await chaos.healthy();
      const { context, course } = chaos;
      const { candidateRevision: candidate } = await begun(chaos, 'v2', 40);
      await withoutApiServer(chaos, () => delay(AWAY_MS));
      await promoted(chaos, 'v2');
      const weights = String(course.weightsOf(candidate));
      expect('no step was skipped or repeated', weights === STEPS, weights);
      await context.apply(context.manifest('v3', BAD));
      await rolledBack(chaos, 'v3', ['AnalysisFailed']);
    },
  },
  {
    name: 'API server away for 30 s, bad release',
    async run(chaos) {
      await chaos.healthy();
      const { context, course } = chaos;
      const { candidateRevision: candidate } = await begun(chaos, 'v2', 40);
      const pods = await context.bed.kube.list<Pod>(
        'Pod',
        context.namespace,
        `songbird.dev/revision=${candidate}`,
      );
      await withoutApiServer(chaos, async () => {
        await context.bed.node.behave(pods, { errorRate: 0.3 });
        await delay(AWAY_MS);
      });
      await rolledBack(chaos, 'v2', ['AnalysisFailed']);
      const weights = String(course.weightsOf(candidate));
      expect('it went back from where it was', weights === '5,40,0', weights);
    },
  },
  {
    name: 'etcd compacted, watches expired',
    async run(chaos) {
      await chaos.healthy();
      const { plane, course } = chaos;
      const { candidateRevision: candidate } = await begun(chaos, 'v2', 40);
      // While it runs, nobody notices.
      await plane.compactEtcd();
      const listsBefore = await listsOf(chaos);
      await withoutApiServer(chaos, () => plane.compactEtcd());
      await promoted(chaos, 'v2');
      const lists = (await listsOf(chaos)) - listsBefore;
      chaos.notes['listsAfterwards'] = lists;
      expect('what it knew had expired, and it listed anew', lists > 0, lists);
      const weights = String(course.weightsOf(candidate));
      expect('no step was skipped or repeated', weights === STEPS, weights);
      await abortedAfterwards(chaos, 'v3');
    },
  },
];

async function withoutApiServer(chaos: Chaos, meanwhile: () => Promise<void>): Promise<void> {
  await chaos.hindered(async () => {
    await chaos.plane.stopApiServer();
    await meanwhile();
    await chaos.plane.restartApiServer();
  });
}

/** Lists that the operator has been answered so far. */
async function listsOf({ context }: Chaos): Promise<number> {
  const text = await context.operator.metrics();
  const lines = text.split('\n').filter((line) => /^songbird_api_reads_total\{.*verb="list"/.test(line));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
