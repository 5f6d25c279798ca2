import type { Clock } from '../../kube/clock.ts';
import { sleep } from '../../kube/clock.ts';
import { type Http, HttpFailure } from '../../telemetry/http.ts';
import type { Counted, Mesh } from './mesh.ts';

/** What is wrong with what the proxies tell. */
export type TelemetryFault = 'none' | 'down' | 'slow' | 'empty' | 'stale' | 'nonsense';

/** The statistics port of the pods' proxies, as the operator reads it. */
export class Proxies {
  fault: TelemetryFault = 'none';
  readonly #mesh: Mesh;
  readonly #addresses: () => ReadonlyMap<string, string>;
  readonly #stale = new Map<string, string>();

  /** @param addresses the uids of pods by their IP addresses */
  constructor(mesh: Mesh, addresses: () => ReadonlyMap<string, string>) {
    this.#mesh = mesh;
    this.#addresses = addresses;
  }

  /** As one process reaches it. */
  httpFor(clock: Clock): Http {
    return async ({ url, timeoutMs }) => {
      const uid = this.#addresses().get(new URL(url).hostname);
      if (uid === undefined || this.fault === 'down') {
        throw new HttpFailure('unreachable', 'connect ECONNREFUSED');
      }
      if (this.fault === 'slow') {
        await sleep(clock, timeoutMs);
        throw new HttpFailure('timeout', `no answer within ${timeoutMs} ms`);
      }
      return { status: 200, contentType: 'text/plain', body: this.#bodyOf(uid) };
    };
  }

  #bodyOf(uid: string): string {
    if (this.fault === 'empty') return '';
    if (this.fault === 'nonsense') return 'envoy_cluster_upstream_rq{envoy_response_code="200"} NaN\n';
    const stale = this.#stale.get(uid);
    if (this.fault === 'stale' && stale !== undefined) return stale;
    const body = print(this.#mesh.counted.get(uid) ?? { served: 0, failed: 0 });
    this.#stale.set(uid, body);
    return body;
  }
}

function print({ served, failed }: Counted): string {
  const cluster = 'envoy_cluster_name="inbound|80||"';
  const count = (code: number, value: number) =>
    `envoy_cluster_upstream_rq{envoy_response_code="${code}",${cluster}} ${value}\n`;
  return `envoy_server_live{} 1\n${count(200, served - failed)}${failed === 0 ? '' : count(503, failed)}`;
}
