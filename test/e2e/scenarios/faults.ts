import { setTimeout as delay } from 'node:timers/promises';
import { type Scenario, expect, isTrue } from './context.ts';
import { atWeight } from './changes.ts';

/** Faults of the surroundings in mid-release. */
export const faults: readonly Scenario[] = [
  {
    name: 'operator killed in mid-release',
    async run(context) {
      await context.healthy();
      await context.apply(context.manifest('v2'));
      await atWeight(context, 40);
      await context.operator.kill();
      await delay(2000);
      const while_ = await context.status();
      expect('nothing moves without it', while_.step?.observedWeight === 40, while_.step);
      await context.operator.start();
      await context.until(
        'v2 is promoted',
        ({ phase, history }) => phase === 'Healthy' && history?.[0]?.outcome === 'Promoted',
      );
      const report = await context.finish();
      expect('no step was skipped or repeated', String(report.weights) === '5,40,60,100', report.weights);
      expect('no request failed', report.failed === 0, report.summary);
      return report;
    },
  },
  {
    name: 'Prometheus down in mid-release',
    async run(context) {
      const { prometheus } = context.bed;
      const analysis = {
        source: 'prometheus',
        errorRate: { max: '1%' },
        prometheus: { address: prometheus.url },
      };
      await context.healthy({ analysis });
      await context.apply(context.manifest('v2', {}, { analysis }));
      await atWeight(context, 5);
      await prometheus.stop();
      try {
        const held = await context.until(
          'it says that it cannot see',
          ({ message }) => message?.includes(prometheus.url) === true,
          30_000,
        );
        expect('not stalled: it goes on by itself', !isTrue(held.conditions, 'Stalled'), held.conditions);
        await delay(6000);
        expect(
          'no weight rises without data',
          Math.max(...context.weights.list()) === 5,
          context.weights.list(),
        );
      } finally {
        await prometheus.start();
      }
      await context.until(
        'v2 is promoted',
        ({ phase, history }) => phase === 'Healthy' && history?.[0]?.outcome === 'Promoted',
        120_000,
      );
      const report = await context.finish();
      expect('every step was taken', String(report.weights) === '5,40,60,100', report.weights);
      expect('no request failed', report.failed === 0, report.summary);
      return report;
    },
  },
  {
    name: 'unreadable Prometheus, then mended',
    async run(context) {
      const wrong = {
        source: 'prometheus',
        errorRate: { max: '1%' },
        prometheus: { address: 'http://127.0.0.1:9' },
      };
      await context.healthy({ analysis: wrong });
      await context.apply(context.manifest('v2', {}, { analysis: wrong }));
      const stalled = await context.until('it is stalled', ({ conditions }) => isTrue(conditions, 'Stalled'));
      expect(
        'the address is named',
        stalled.message?.includes('http://127.0.0.1:9') === true,
        stalled.message,
      );
      expect('no traffic was touched', context.weights.list().length === 0, context.weights.list());
      await context.apply(context.manifest('v2'));
      await context.until(
        'v2 is promoted',
        ({ phase, history }) => phase === 'Healthy' && history?.[0]?.outcome === 'Promoted',
      );
      const report = await context.finish();
      expect('no request failed', report.failed === 0, report.summary);
      return report;
    },
  },
  away('API server away in mid-release', 5000),
  // Longer than the lease: the operator ends, and a fresh one goes on.
  away('API server away for longer than the lease', 15_000),
];

function away(name: string, forMs: number): Scenario {
  return {
    name,
    async run(context) {
      await context.healthy();
      await context.apply(context.manifest('v2'));
      await atWeight(context, 40);
      await context.bed.plane.stopApiServer();
      await delay(forMs);
      await context.bed.plane.restartApiServer();
      await context.until(
        'v2 is promoted',
        ({ phase, history }) => phase === 'Healthy' && history?.[0]?.outcome === 'Promoted',
        90_000,
      );
      const report = await context.finish();
      expect('no step was skipped or repeated', String(report.weights) === '5,40,60,100', report.weights);
      expect('no request failed', report.failed === 0, report.summary);
      return report;
    },
  };
}
