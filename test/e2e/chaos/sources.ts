import { setTimeout as delay } from 'node:timers/promises';
import { expect } from '../scenarios/context.ts';
import type { ChaosScenario } from './chaos.ts';
import { abortedAfterwards, begun, promoted, rolledBack } from './endings.ts';

const BLIND_MS = 8000;
const DOWN_MS = 4000;
const SILENT = 'the gateway was down';

/** What tells of requests, and what carries them. */
export const sources: readonly ChaosScenario[] = [
  {
    name: 'Prometheus stopped in mid-release',
    async run(chaos) {
      const { bed } = chaos.context;
      const { prometheus } = bed;
      const spec = {
        analysis: {
          source: 'prometheus',
          errorRate: { max: '1%' },
          prometheus: { address: prometheus.url },
        },
      };
      await chaos.healthy(spec);
      const { candidateRevision: candidate } = await begun(chaos, 'v2', 5, {}, spec);
      await prometheus.stop();
      try {
        await delay(BLIND_MS);
        const weights = String(chaos.course.weightsOf(candidate));
        expect('no weight rises without data', weights === '5', weights);
        await chaos.abort();
        await rolledBack(chaos, 'v2', ['Aborted'], 30_000);
      } finally {
        await prometheus.start();
      }
      await abortedAfterwards(chaos, 'v3', spec);
    },
  },
  {
    name: 'Envoy stopped and started again',
    async run(chaos) {
      const { context } = chaos;
      const { mesh } = context.bed;
      const gatewayDown = (meanwhile: () => Promise<void>) =>
        chaos.outage(SILENT, async () => {
          await mesh.stopGateway();
          try {
            await meanwhile();
          } finally {
            await mesh.restartGateway();
          }
        });
      await chaos.healthy();
      const { candidateRevision: candidate } = await begun(chaos, 'v2', 40);
      await gatewayDown(() => delay(DOWN_MS));
      await promoted(chaos, 'v2');
      const weights = String(chaos.course.weightsOf(candidate));
      expect('no step was skipped or repeated', weights === '5,40,60,100', weights);
      await begun(chaos, 'v3', 40);
      await gatewayDown(async () => {
        await chaos.abort();
        await rolledBack(chaos, 'v3', ['Aborted'], 30_000);
      });
      // The gateway begins again with what it had, and must be told what has changed since.
      const { stableRevision: stable = '' } = await context.status();
      await context.bed.eventually('the gateway follows', 10_000, async () => {
        const effective = await mesh.effectiveWeights(context.host);
        return effective?.[stable] === 100;
      });
      await abortedAfterwards(chaos, 'v4');
    },
  },
];
