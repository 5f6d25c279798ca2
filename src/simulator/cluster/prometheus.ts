import { workloadName } from '../../api/index.ts';
import { type Clock, sleep } from '../../kube/clock.ts';
import { type Http, HttpFailure } from '../../telemetry/http.ts';
import { ActiveFaults, isOfPart } from './active-faults.ts';
import type { Mesh } from './mesh.ts';
import { MetricStore, answerOf, requestsSeries } from './metric-store.ts';
import { Monitor } from './monitor.ts';
import { NAMESPACE, type PodFact, RELEASE, type Truth } from './truth.ts';

/** How often every pod's proxy is scraped (ms). */
const SCRAPE_MS = 5000;

/** A lie looks like the truth, a target that is not scraped like one that is not there; between two flaps all is well. */
const UNSEEN: ReadonlySet<string> = new Set(['wrong', 'partial', 'flapping']);

/** A Prometheus that scrapes the proxies of the mesh, each at its own moment, and answers the operator's queries. */
export class Prometheus {
  readonly faults: ActiveFaults;
  /** Somebody's exporter. */
  readonly monitor: Monitor;
  readonly #mesh: Mesh;
  readonly #truth: Truth;
  readonly #clock: Clock;
  readonly #store = new MetricStore();
  /** By the pod's name. */
  readonly #targets = new Map<string, PodFact>();

  /** @param clock the world's */
  constructor(mesh: Mesh, truth: Truth, clock: Clock) {
    this.#mesh = mesh;
    this.#truth = truth;
    this.#clock = clock;
    this.faults = new ActiveFaults(clock, (fault) => UNSEEN.has(fault));
    this.monitor = new Monitor(mesh, truth, this.faults, clock);
  }

  /** Begins to scrape; to be called once. */
  start(): void {
    const tick = (phase: number) => {
      this.#scrape(phase);
      this.#clock.after(SCRAPE_MS, () => {
        tick(phase);
      });
    };
    for (let phase = 0; phase < PHASES; phase++) {
      this.#clock.after((phase * SCRAPE_MS) / PHASES, () => {
        tick(phase);
      });
    }
  }

  /** As one process reaches it. */
  httpFor(clock: Clock): Http {
    return async ({ body = '', timeoutMs }) => {
      if (this.faults.has('down') || this.faults.isFlappedAway)
        throw new HttpFailure('unreachable', 'connect ECONNREFUSED');
      if (this.faults.has('slow')) {
        await sleep(clock, timeoutMs);
        throw new HttpFailure('timeout', `no answer within ${timeoutMs} ms`);
      }
      const form = new URLSearchParams(body);
      const time = Math.round(Number(form.get('time')) * 1000);
      const query = form.get('query') ?? '';
      const elements = this.faults.has('empty') ? [] : this.#store.query(query, time);
      const revision = Monitor.revisionIn(query);
      if (this.faults.has('nonsense')) for (const element of elements) element.value = NaN;
      else if (revision !== undefined && elements.length > 0) this.monitor.tells(revision);
      return { status: 200, contentType: 'application/json', body: answerOf(elements, time) };
    };
  }

  #scrape(phase: number): void {
    if (this.faults.has('stale')) return;
    this.#mesh.serve();
    const now = this.#clock.now();
    if (phase === 0) this.#store.scrape(now, { instance: 'monitor:9100' }, this.monitor.series);
    const pods = [...this.#truth.pods.values()].filter(({ name }) => phaseOf(name) === phase);
    for (const pod of pods) {
      if (this.faults.has('partial') && isOfPart(pod.name)) continue;
      this.#targets.set(pod.name, pod);
      const { served, failed } = this.#mesh.counted.get(pod.uid) ?? { served: 0, failed: 0 };
      const count = (value: number) => (this.faults.has('wrong') ? Math.floor(value / 3) : value);
      const series = new Map<string, number>();
      const add = (code: number, value: number) => {
        const workload = workloadName(RELEASE, pod.revision);
        if (value > 0) series.set(requestsSeries(workload, code, { namespace: NAMESPACE }), value);
      };
      add(200, count(served - failed));
      add(503, count(failed));
      this.#store.scrape(now, { instance: `${pod.ip}:15090` }, series);
    }
    for (const [name, { ip }] of this.#targets) {
      if (phaseOf(name) !== phase || pods.some((pod) => pod.name === name)) continue;
      this.#targets.delete(name);
      this.#store.scrape(now, { instance: `${ip}:15090` }, new Map());
    }
  }
}

const PHASES = 5;

function phaseOf(name: string): number {
  return name.charCodeAt(name.length - 1) % PHASES;
}
