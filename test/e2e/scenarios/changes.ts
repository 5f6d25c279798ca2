import { type Context, type Scenario, expect } from './context.ts';

/** Changes by people in mid-release. */
export const changes: readonly Scenario[] = [
  {
    name: 'new image in mid-release',
    async run(context) {
      await context.healthy();
      await context.apply(context.manifest('v2'));
      await atWeight(context, 40);
      await context.apply(context.manifest('v3'));
      await context.until(
        'v3 is promoted',
        ({ phase, history }) => phase === 'Healthy' && history?.[0]?.version === 'v3',
      );
      const outcomes = (await context.status()).history?.map(({ outcome }) => outcome);
      expect('v2 was superseded', String(outcomes) === 'Promoted,Superseded,Initial', outcomes);
      const report = await context.finish();
      expect(
        'all traffic went to stable in between',
        String(report.weights) === '5,40,0,5,40,60,100',
        report.weights,
      );
      expect('no request failed', report.failed === 0, report.summary);
      return report;
    },
  },
  {
    name: 'old image in mid-release',
    async run(context) {
      await context.healthy();
      await context.apply(context.manifest('v2'));
      await atWeight(context, 40);
      await context.apply(context.manifest('v1'));
      const status = await context.until('it is reverted', ({ phase }) => phase === 'Healthy', 10_000);
      expect('Reverted', status.history?.[0]?.outcome === 'Reverted', status.history);
      const report = await context.finish();
      expect('the release ended at once', String(report.weights) === '5,40,0', report.weights);
      expect('no request failed', report.failed === 0, report.summary);
      return report;
    },
  },
  {
    name: 'VirtualService edited in mid-release',
    async run(context) {
      await context.healthy();
      await context.apply(context.manifest('v2'));
      await atWeight(context, 40);
      const service = await context.virtualService();
      const [route] = service?.spec.http ?? [];
      const edited = (route?.route ?? []).map((part, index) => ({ ...part, weight: index === 0 ? 1 : 99 }));
      await context.bed.kube.patch('VirtualService', context.namespace, 'shop', {
        metadata: { annotations: { 'example.com/note': 'by hand' } },
        spec: { http: [{ route: edited }] },
      });
      await context.bed.eventually('the weights are repaired', 5000, async () => {
        const weights =
          (await context.virtualService())?.spec.http?.[0]?.route?.map(({ weight }) => weight ?? 0) ?? [];
        return weights.includes(40) && weights.includes(60);
      });
      await context.until(
        'v2 is promoted',
        ({ phase, history }) => phase === 'Healthy' && history?.[0]?.outcome === 'Promoted',
      );
      const annotations = (await context.virtualService())?.metadata.annotations;
      expect(
        'what Songbird does not own is left alone',
        annotations?.['example.com/note'] === 'by hand',
        annotations,
      );
      const report = await context.finish();
      expect('no request failed', report.failed === 0, report.summary);
      return report;
    },
  },
  {
    name: 'deleted in mid-release',
    async run(context) {
      await context.healthy();
      await context.apply(context.manifest('v2'));
      await atWeight(context, 40);
      const before = await context.load.stop();
      await context.bed.kube.delete('CanaryRelease', context.namespace, 'shop');
      for (const kind of ['CanaryRelease', 'VirtualService', 'DestinationRule', 'Service'] as const) {
        await context.bed.eventually(
          `${kind} is gone`,
          30_000,
          async () => (await context.bed.kube.find(kind, context.namespace, 'shop')) === undefined,
        );
      }
      await context.bed.eventually('Deployments and pods are gone', 60_000, async () => {
        const deployments = await context.bed.kube.list('Deployment', context.namespace);
        const pods = await context.bed.kube.list('Pod', context.namespace);
        return deployments.length + pods.length === 0;
      });
      const report = await context.finish();
      expect(
        'traffic went back before the routes went',
        report.weights.includes(40) && report.weights.at(-1) === 0,
        report.weights,
      );
      expect('no request failed before', before.failed === 0, before);
      return report;
    },
  },
  {
    name: 'aborted by command',
    async run(context) {
      await context.healthy();
      await context.apply(context.manifest('v2'));
      const { candidateRevision: revision } = await atWeight(context, 40);
      const orderedAt = Date.now();
      await context.bed.kube.create({
        apiVersion: 'songbird.dev/v1alpha1',
        kind: 'ReleaseCommand',
        metadata: { name: 'stop', namespace: context.namespace },
        spec: { release: 'shop', revision, action: 'abort' },
      });
      const status = await context.until('it is rolled back', ({ phase }) => phase === 'RolledBack', 10_000);
      expect('by the command', status.rejected?.reason === 'Aborted', status.rejected);
      await context.bed.eventually('the command says so', 5000, async () => {
        const command = await context.bed.kube.find('ReleaseCommand', context.namespace, 'stop');
        return (command as { status?: { phase?: string } } | undefined)?.status?.phase === 'Executed';
      });
      const report = await context.finish({
        abortedMs: (context.weights.firstAt(0, orderedAt) ?? Infinity) - orderedAt,
      });
      expect('no request failed', report.failed === 0, report.summary);
      return report;
    },
  },
];

/** Waits until the candidate has this weight and its window is open. */
export function atWeight(context: Context, weight: number) {
  return context.until(
    `the candidate is at ${weight}%`,
    ({ step }) => step?.observedWeight === weight && step.observedAt !== undefined,
  );
}
