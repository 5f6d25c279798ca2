import { expect, test } from 'vitest';
import { DURATION_BUCKETS_MS, PodStats } from './stats.ts';

const POD = { pod: 'shop-1', namespace: 'demo', workload: 'shop-abc', app: 'shop', version: 'v"2"' };
const OK = { service: 'shop.demo.svc.cluster.local', code: 200, flags: '-', durationMs: 3 };

function lines(stats: PodStats, part: string): string[] {
  return stats
    .render()
    .split('\n')
    .filter((line) => line.includes(part));
}

test('a pod that served nothing has no request series, yet is recognised as a proxy', () => {
  const text = new PodStats(POD).render();
  expect(text).toMatch(/^istio_build\{/m);
  expect(text).not.toMatch(/^istio_requests_total\{/m);
});

test('requests are counted by code, with the labels that Istio gives them', () => {
  const stats = new PodStats(POD);
  for (const code of [200, 200, 503]) stats.record({ ...OK, code });
  const [good, bad] = lines(stats, 'istio_requests_total{');
  expect(good).toMatch(/response_code="200".* 2$/);
  expect(bad).toMatch(/response_code="503".* 1$/);
  for (const label of [
    'reporter="destination"',
    'destination_workload="shop-abc"',
    'destination_workload_namespace="demo"',
    'destination_service="shop.demo.svc.cluster.local"',
    'destination_service_name="shop"',
    'destination_version="v\\"2\\""',
    'response_flags="-"',
    'grpc_response_status=""',
  ]) {
    expect(good).toContain(label);
  }
});

test('durations fall into cumulative buckets, edges included, and beyond the last edge into +Inf alone', () => {
  const stats = new PodStats(POD);
  for (const durationMs of [0.2, 5, 5.1, 4_000_000]) stats.record({ ...OK, durationMs });
  const buckets = lines(stats, '_bucket{');
  expect(buckets).toHaveLength(DURATION_BUCKETS_MS.length + 1);
  const at = (le: string) =>
    Number(
      buckets
        .find((line) => line.includes(`le="${le}"`))
        ?.split(' ')
        .at(-1),
    );
  expect([at('0.5'), at('1'), at('5'), at('10'), at('3600000'), at('+Inf')]).toEqual([1, 1, 2, 3, 3, 4]);
  expect(lines(stats, '_count{')[0]).toMatch(/ 4$/);
  expect(lines(stats, '_sum{')[0]).toMatch(/ 4000010.3$/);
});
