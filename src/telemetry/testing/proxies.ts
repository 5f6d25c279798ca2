import type { Target, TelemetryQuery } from '../../analysis/telemetry.ts';
import type { Http } from '../http.ts';
import { fakeHttp } from './http.ts';

/** What a pod's proxy has counted. */
export interface Pod {
  served: number;
  failed: number;
  durations?: Record<string, number>;
  down?: boolean;
}

export function print({ served, failed, durations = {} }: Pod): string {
  const cluster = 'envoy_cluster_name="inbound|9080||"';
  return [
    'envoy_server_live{} 1',
    `envoy_cluster_upstream_rq{envoy_response_code="200",${cluster}} ${served - failed}`,
    ...(failed > 0 ? [`envoy_cluster_upstream_rq{envoy_response_code="503",${cluster}} ${failed}`] : []),
    ...Object.entries(durations).map(
      ([le, count]) => `envoy_cluster_upstream_rq_time_bucket{${cluster},le="${le}"} ${count}`,
    ),
    '',
  ].join('\n');
}

/** A network of pods by IP. */
export function network(pods: Record<string, Pod>): { http: Http; scrapes: string[] } {
  const scrapes: string[] = [];
  const http = fakeHttp(({ url }) => {
    const { hostname, port, pathname } = new URL(url);
    if (port + pathname !== '15090/stats/prometheus') throw new Error(`asked for ${url}`);
    scrapes.push(hostname);
    const pod = pods[hostname];
    return pod === undefined || pod.down === true ? undefined : { body: print(pod) };
  });
  return { http, scrapes };
}

/** A target with these pods, of which those in `unready` are not ready. */
export function target(
  revision: string,
  ips: string[],
  fresh = false,
  unready: readonly string[] = [],
): Target {
  const pods = ips.map((ip) => ({
    name: `pod-${ip}`,
    uid: `uid-${ip}`,
    ip,
    statsPort: 15090,
    ready: !unready.includes(ip),
  }));
  return { revision, workload: `reviews-${revision}`, fresh, pods };
}

export function query(now: number, targets: Target[], more: Partial<TelemetryQuery> = {}): TelemetryQuery {
  const metrics = [{ name: 'errors', kind: 'errors' as const }];
  return { namespace: 'bookinfo', release: 'reviews', targets, metrics, from: 0, now, ...more };
}
