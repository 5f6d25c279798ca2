import type { Clock } from '../../kube/clock.ts';
import { sleep } from '../../kube/clock.ts';
import { type Http, HttpFailure } from '../../telemetry/http.ts';
import { ActiveFaults, isOfPart } from './active-faults.ts';
import type { Counted, Mesh } from './mesh.ts';
import type { TelemetryFault } from './plan.ts';
import type { Truth } from './truth.ts';

/** Counters that lie, or stand still, look like others; and between two flaps all is well. */
const UNSEEN: ReadonlySet<TelemetryFault> = new Set(['wrong', 'stale', 'flapping']);

/** The statistics port of the pods' proxies, as the operator reads it. */
export class Proxies {
  readonly #mesh: Mesh;
  readonly #truth: Truth;
  readonly faults: ActiveFaults;
  readonly #stale = new Map<string, string>();

  /** @param clock the world's */
  constructor(mesh: Mesh, truth: Truth, clock: Clock) {
    this.#mesh = mesh;
    this.#truth = truth;
    this.faults = new ActiveFaults(clock, (fault) => UNSEEN.has(fault) || this.#strikesNobody(fault));
  }

  end(fault: TelemetryFault): void {
    this.faults.end(fault);
    this.#stale.clear();
  }

  #strikesNobody(fault: TelemetryFault): boolean {
    const serving = [...this.#truth.pods.values()].filter(({ ready }) => ready);
    return fault === 'partial' && !serving.some(({ name }) => isOfPart(name));
  }

  /** As one process reaches it. */
  httpFor(clock: Clock): Http {
    return async ({ url, timeoutMs }) => {
      const { hostname } = new URL(url);
      const pod = [...this.#truth.pods.values()].find(({ ip }) => ip === hostname);
      if (pod === undefined || this.#isDown(pod.name)) {
        throw new HttpFailure('unreachable', 'connect ECONNREFUSED');
      }
      if (this.faults.has('slow')) {
        await sleep(clock, timeoutMs);
        throw new HttpFailure('timeout', `no answer within ${timeoutMs} ms`);
      }
      return { status: 200, contentType: 'text/plain', body: this.#bodyOf(pod.uid) };
    };
  }

  #isDown(name: string): boolean {
    if (this.faults.has('down')) return true;
    return (this.faults.has('partial') && isOfPart(name)) || this.faults.isFlappedAway;
  }

  #bodyOf(uid: string): string {
    if (this.faults.has('empty')) return '';
    if (this.faults.has('nonsense')) {
      return 'envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="inbound|80||"} NaN\n';
    }
    const stale = this.#stale.get(uid);
    if (this.faults.has('stale') && stale !== undefined) return stale;
    this.#mesh.serve();
    const counted = this.#mesh.counted.get(uid) ?? { served: 0, failed: 0 };
    const body = print(this.faults.has('wrong') ? wrong(counted) : counted);
    if (this.faults.has('stale')) this.#stale.set(uid, body);
    return body;
  }
}

/** As after the proxy was restarted: its counters began anew. */
function wrong({ served, failed }: Counted): Counted {
  return { served: Math.floor(served / 3), failed: Math.floor(failed / 3) };
}

function print({ served, failed }: Counted): string {
  const cluster = 'envoy_cluster_name="inbound|80||"';
  const count = (code: number, value: number) =>
    `envoy_cluster_upstream_rq{envoy_response_code="${code}",${cluster}} ${value}\n`;
  return `envoy_server_live{} 1\n${count(200, served - failed)}${failed === 0 ? '' : count(503, failed)}`;
}
