import { expect, test, vi } from 'vitest';
import { systemClock } from '../../kube/clock.ts';
import type { KubeObject } from '../../kube/types.ts';
import * as kinds from '../../kube/well-known.ts';
import { Cluster } from '../index.ts';
import { keepRunning } from './keep.ts';
import { readCrds, readShop, shopRelease } from './manifests.ts';
import { CANARY_RELEASES } from './release-watch.ts';

test('it tells how to go on, then every turn of every release, until it is interrupted', async () => {
  const cluster = new Cluster({ controllers: false });
  const client = cluster.client();
  for (const crd of await readCrds()) await client.create(kinds.customResourceDefinitions, crd);
  await client.create<KubeObject>(kinds.namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'demo' },
  });
  const printed: string[] = [];
  const interrupt = new AbortController();
  const running = keepRunning(
    {
      client,
      clock: systemClock,
      kubeconfig: '/tmp/somewhere/kubeconfig',
      dashboard: 'http://127.0.0.1:4711/',
      frontPort: 4711,
      print: (lines) => printed.push(...lines),
      onError: (error) => {
        throw error;
      },
    },
    interrupt.signal,
  );
  expect(printed).toContain('  export KUBECONFIG=/tmp/somewhere/kubeconfig');
  expect(printed.join('\n')).toContain("curl -H 'Host: shop' http://127.0.0.1:4711/");
  const turns = () => printed.filter((line) => /^\d\d:\d\d:\d\d /.test(line)).map((line) => line.slice(10));

  await client.create(CANARY_RELEASES, shopRelease(await readShop(), 'v1'));
  const report = (phase: string, message: string) => {
    const patch = { status: { phase, message } };
    const ref = { namespace: 'demo', name: 'shop' };
    return client.patch(CANARY_RELEASES, ref, 'merge', patch, { subresource: 'status' });
  };
  await report('Initializing', 'first');
  await report('Initializing', 'the same turn');
  await report('Healthy', 'serves all traffic');
  await vi.waitFor(() => {
    expect(turns().at(-1)).toBe('demo/shop  Healthy  serves all traffic');
  });
  expect(turns().slice(0, -1)).toEqual(['demo/shop  New  ', 'demo/shop  Initializing  first']);

  interrupt.abort();
  await running;
  cluster.stop();
});
