import type { Clock } from '../../kube/clock.ts';
import { sleep } from '../../kube/clock.ts';
import { type Http, HttpFailure } from '../../telemetry/http.ts';
import type { ActiveFaults } from './active-faults.ts';
import type { Mesh } from './mesh.ts';
import type { MetricOfPlan } from './plan.ts';
import type { Throw } from './throw.ts';
import type { Truth } from './truth.ts';

/** The largest share of failed requests with which a version is good enough for it (0–1). */
const MOST = 0.02;

/** So many requests, none of which failed, are believed of every version: few tell little. */
const BELIEVED = 100;

const GAUGE = 'shop_errors';

type Count = ReadonlyMap<string, number>;

const NOTHING = { attempt: 0, served: new Map(), failed: new Map() };

/**
 * What a release's own metrics ask: how large a share of a version's requests has failed since the release began, as
 * somebody's monitoring has it.
 */
export class Monitor {
  readonly #mesh: Mesh;
  readonly #truth: Truth;
  readonly #faults: ActiveFaults;
  readonly #clock: Clock;
  readonly #told: { readonly revision: string; readonly at: number }[] = [];
  /** What had been counted by revision when the release began. */
  #before: { readonly attempt: number; readonly served: Count; readonly failed: Count } = NOTHING;

  /** @param clock the world's */
  constructor(mesh: Mesh, truth: Truth, faults: ActiveFaults, clock: Clock) {
    this.#mesh = mesh;
    this.#truth = truth;
    this.#faults = faults;
    this.#clock = clock;
  }

  /** As one process reaches it over the web. */
  httpFor(clock: Clock): Http {
    return async ({ url, timeoutMs }) => {
      if (this.#faults.has('down') || this.#faults.isFlappedAway)
        throw new HttpFailure('unreachable', 'connect ECONNREFUSED');
      if (this.#faults.has('slow')) {
        await sleep(clock, timeoutMs);
        throw new HttpFailure('timeout', `no answer within ${timeoutMs} ms`);
      }
      const revision = new URL(url).searchParams.get('of') ?? '';
      const errors = this.#faults.has('nonsense') ? 'lots' : this.#shareOf(revision);
      const isTold = errors !== undefined && !this.#faults.has('empty');
      if (isTold && typeof errors === 'number') this.tells(revision);
      return { status: 200, contentType: 'application/json', body: JSON.stringify(isTold ? { errors } : {}) };
    };
  }

  /** As a Prometheus scrapes it: series as label text, by value. */
  get series(): ReadonlyMap<string, number> {
    const series = new Map<string, number>();
    for (const revision of this.#mesh.served.keys()) {
      const share = this.#shareOf(revision);
      if (share !== undefined) series.set(`${GAUGE}{revision="${revision}"}`, share);
    }
    return series;
  }

  /** The revision that a query to Prometheus asks about; undefined where it is not about this. */
  static revisionIn(query: string): string | undefined {
    return new RegExp(`${GAUGE}\\{revision=~"(\\w+)"`).exec(query)?.[1];
  }

  /** True where a check of this revision succeeds. */
  check(revision: string): boolean {
    this.tells(revision);
    return (this.#shareOf(revision) ?? 0) <= MOST;
  }

  /** Somebody was told of this revision. */
  tells(revision: string): void {
    this.#told.push({ revision, at: this.#clock.monotonic() });
  }

  /** How often somebody was told of this revision since `from` (ms). */
  toldSince(revision: string, from: number): number {
    return this.#told.filter((one) => one.revision === revision && one.at >= from).length;
  }

  #shareOf(revision: string): number | undefined {
    this.#mesh.serve();
    const { served, failed } = this.#mesh;
    const { attempt } = this.#truth.status;
    if (attempt !== undefined && attempt.number !== this.#before.attempt)
      this.#before = { attempt: attempt.number, served: new Map(served), failed: new Map(failed) };
    const since = (now: Count, before: Count) => (now.get(revision) ?? 0) - (before.get(revision) ?? 0);
    const all = since(served, this.#before.served);
    if (all === 0) return undefined;
    const share = since(failed, this.#before.failed) / (all + BELIEVED);
    return this.#faults.has('wrong') ? share / 3 : share;
  }
}

/** A metric of the release's own that asks a {@link Monitor}, as in a manifest. */
export function metricOf(dice: Throw): MetricOfPlan {
  const name = 'monitor';
  const failureLimit = dice.of([0, 0, 1]);
  const kind = dice.of(['web', 'prometheus', 'job']);
  if (kind === 'job') {
    const container = { name: 'check', image: 'check:1', args: ['--of={{ candidate.revision }}'] };
    return { name, failureLimit, job: { spec: { template: { spec: { containers: [container] } } } } };
  }
  const asked =
    kind === 'web'
      ? { web: { url: 'http://monitor/errors?of={{ candidate.revision }}', jsonPath: '$.errors' } }
      : { prometheus: { query: `max by () (${GAUGE}{revision=~"{{ candidate.revision }}"})` } };
  return {
    name,
    failureLimit,
    ...asked,
    max: MOST,
    interval: dice.of(['1s', '3s']),
    initialDelay: dice.of(['0s', '2s']),
    consecutiveErrorLimit: dice.of([0, 4]),
    ...(dice.chance(0.5) ? { count: 2 } : {}),
  };
}
