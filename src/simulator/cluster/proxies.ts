import type { Clock } from '../../kube/clock.ts';
import { sleep } from '../../kube/clock.ts';
import { type Http, HttpFailure } from '../../telemetry/http.ts';
import type { Counted, Mesh } from './mesh.ts';
import type { TelemetryFault } from './plan.ts';
import type { Truth } from './truth.ts';

const FLAP_MS = 2000;

/** No proxy answers with anything of use. */
const SILENT: ReadonlySet<TelemetryFault> = new Set(['down', 'slow', 'empty', 'nonsense']);

/** Counters that lie, or stand still, look like others; and between two flaps all is well. */
const UNSEEN: ReadonlySet<TelemetryFault> = new Set(['wrong', 'stale', 'flapping']);

/** The statistics port of the pods' proxies, as the operator reads it. */
export class Proxies {
  readonly #mesh: Mesh;
  readonly #truth: Truth;
  readonly #clock: Clock;
  readonly #stale = new Map<string, string>();
  #faults: readonly TelemetryFault[] = [];
  #lastSound = 0;
  #faultyUntil = -Infinity;
  #silentFrom: number | undefined;

  /** @param clock the world's */
  constructor(mesh: Mesh, truth: Truth, clock: Clock) {
    this.#mesh = mesh;
    this.#truth = truth;
    this.#clock = clock;
  }

  begin(fault: TelemetryFault): void {
    this.#lastSound = this.soundThrough;
    this.#faults = [...this.#faults, fault];
    if (SILENT.has(fault)) this.#silentFrom ??= this.#clock.monotonic();
  }

  end(fault: TelemetryFault): void {
    const index = this.#faults.indexOf(fault);
    this.#faults = this.#faults.filter((_, at) => at !== index);
    this.#faultyUntil = this.#clock.monotonic();
    if (!this.#faults.some((one) => SILENT.has(one))) this.#silentFrom = undefined;
    this.#stale.clear();
  }

  /** The last time (ms) at which every proxy answered with what it counted, or as nobody can tell from that. */
  get soundThrough(): number {
    const isSound = this.#faults.every((fault) => UNSEEN.has(fault) || this.#strikesNobody(fault));
    return isSound ? this.#clock.monotonic() : this.#lastSound;
  }

  /** Since when (ms) no proxy has told anything; undefined while some do. */
  get silentSince(): number | undefined {
    return this.#silentFrom;
  }

  /** Since when (ms) nothing has been wrong with any proxy; undefined while something is. */
  get soundSince(): number | undefined {
    return this.#faults.length === 0 ? this.#faultyUntil : undefined;
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
      if (this.#faults.includes('slow')) {
        await sleep(clock, timeoutMs);
        throw new HttpFailure('timeout', `no answer within ${timeoutMs} ms`);
      }
      return { status: 200, contentType: 'text/plain', body: this.#bodyOf(pod.uid) };
    };
  }

  #isDown(name: string): boolean {
    if (this.#faults.includes('down')) return true;
    if (this.#faults.includes('partial') && isOfPart(name)) return true;
    return this.#faults.includes('flapping') && Math.floor(this.#clock.monotonic() / FLAP_MS) % 2 === 0;
  }

  #bodyOf(uid: string): string {
    if (this.#faults.includes('empty')) return '';
    if (this.#faults.includes('nonsense')) {
      return 'envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="inbound|80||"} NaN\n';
    }
    const stale = this.#stale.get(uid);
    if (this.#faults.includes('stale') && stale !== undefined) return stale;
    this.#mesh.serve();
    const counted = this.#mesh.counted.get(uid) ?? { served: 0, failed: 0 };
    const body = print(this.#faults.includes('wrong') ? wrong(counted) : counted);
    if (this.#faults.includes('stale')) this.#stale.set(uid, body);
    return body;
  }
}

/** True for those pods that a fault strikes where it strikes some. */
function isOfPart(name: string): boolean {
  return name.charCodeAt(name.length - 1) % 2 === 0;
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
