import { type Clock, sleep } from '../../kube/clock.ts';
import type { ApiClient } from '../../kube/types.ts';
import type { CanaryReleaseStatus } from '../../api/index.ts';
import type { DemoEvent, DemoResult, ReleaseResult } from './events.ts';
import { type Count, type Load, NO_VERSION, type Period } from './load.ts';
import { shopRelease } from './manifests.ts';
import { CANARY_RELEASES, type ReleaseState, ReleaseWatch } from './release-watch.ts';
import { counted, seconds, thousands } from './text.ts';
import type { Act, Snapshot, VersionRow } from './view.ts';

const RELEASE = { namespace: 'demo', name: 'shop' };
/** Share of its requests that the bad version fails. */
export const BAD_ERROR_RATE = 0.3;
/** How long the load runs before the first release, and after the last. */
const CALM_MS = 1500;
/** A part that takes longer than this hangs: several times what it takes on a busy machine. */
const LIMITS_MS = { first: 60_000, good: 90_000, bad: 60_000 };

/** What the story is played on; see world.ts for the real one. */
export interface Stage {
  readonly client: ApiClient;
  readonly clock: Clock;
  /** The text of shop.yaml. */
  readonly manifest: string;
  readonly load: Pick<Load, 'start' | 'begin' | 'recent'>;
  readonly mesh: { weights(host: string): Map<string, number>; onChange(listener: () => void): void };
  /** Rejects when the operator dies. */
  readonly operatorFailed: Promise<never>;
  readonly perSecond: number;
  readonly onError: (error: unknown) => void;
  readonly tell: (event: DemoEvent) => void;
}

interface Change {
  readonly weight: number;
  readonly at: number;
}

/**
 * The demo's plot: a first version comes up, a good one goes out, a bad one comes back. It does what users do (write a
 * manifest, send requests) and watches what they can see.
 */
export class Story {
  readonly #stage: Stage;
  readonly #watch: ReleaseWatch;
  readonly #began: number;
  readonly #acts: { -readonly [K in keyof Act]: Act[K] }[] = [
    { title: 'v1 is brought up', state: 'todo', detail: '' },
    { title: 'v2, a good version, goes out', state: 'todo', detail: '' },
    { title: 'v3, which fails 30% of requests', state: 'todo', detail: '' },
  ];
  readonly #waiting = new Set<() => void>();
  #state: ReleaseState | undefined;
  /** Of the present act: the release, and the time after it. */
  #periods: Period[] = [];
  #stable = 'v1';
  #candidate: string | undefined;
  #weights: Change[] = [];
  #steps: readonly number[] = [];
  #told = { phase: '', verdict: '', weights: '' };

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#began = stage.clock.monotonic();
    const { client, clock, onError } = stage;
    this.#watch = new ReleaseWatch({
      client,
      clock,
      onError,
      onChange: (state) => {
        if (state.namespace !== RELEASE.namespace || state.name !== RELEASE.name) return;
        this.#state = state;
        this.#tellStatus(state.status);
        this.#changed();
      },
    });
    stage.mesh.onChange(() => {
      this.#tellWeights();
      this.#changed();
    });
  }

  /**
   * Plays to the end.
   * @throws Error with a sentence when a part hangs, the operator dies, or the signal aborts
   */
  async play(signal: AbortSignal): Promise<DemoResult> {
    const { clock, load } = this.#stage;
    await this.#watch.start();
    try {
      await this.#bringUp(signal);
      load.start();
      this.#periods = [load.begin()];
      await sleep(clock, CALM_MS, signal);
      const good = await this.#release(1, 'v2', 0, LIMITS_MS.good, signal);
      if (good.outcome === 'Healthy') this.#stable = 'v2';
      const bad = await this.#release(2, 'v3', BAD_ERROR_RATE, LIMITS_MS.bad, signal);
      await sleep(clock, CALM_MS, signal);
      return { good, bad };
    } finally {
      await this.#watch.stop();
    }
  }

  /** The present, for whoever draws or prints it. */
  snapshot(): Snapshot {
    const { clock, perSecond } = this.#stage;
    const { phase = 'Starting', message = '', analysis, candidateRevision, step } = this.#state?.status ?? {};
    const judged =
      candidateRevision !== undefined && analysis?.revision === candidateRevision ? analysis : undefined;
    // The analysis has a line of its own.
    const about = judged === undefined ? message : withoutVerdict(message, judged.message);
    const place = step === undefined || step.index === 0 ? '' : `step ${step.index} of ${step.of}, `;
    return {
      elapsedMs: clock.monotonic() - this.#began,
      perSecond,
      acts: this.#acts.map((act) => ({ ...act })),
      steps: this.#steps,
      versions: this.#rows(),
      phase,
      message: place + about,
      verdict: judged?.verdict,
      verdictMessage: judged?.message ?? '',
    };
  }

  async #bringUp(signal: AbortSignal): Promise<void> {
    const act = this.#act(0);
    const began = this.#stage.clock.monotonic();
    await this.#apply('v1', 0);
    await this.#until('v1 to be Healthy', LIMITS_MS.first, signal, ({ phase }) => phase === 'Healthy');
    act.state = 'done';
    act.detail = `ready after ${seconds(this.#stage.clock.monotonic() - began)}`;
  }

  async #release(
    index: number,
    version: string,
    errorRate: number,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<ReleaseResult> {
    const { clock, load, tell } = this.#stage;
    const act = this.#act(index);
    const began = clock.monotonic();
    this.#candidate = version;
    this.#weights = [];
    const period = load.begin();
    this.#periods = [period];
    await this.#apply(version, errorRate);
    const {
      phase = '',
      message = '',
      rejected,
    } = await this.#until(`${version} to be Healthy or RolledBack`, limitMs, signal, (status) => {
      const weight = this.#share(version);
      return (
        (status.phase === 'Healthy' && weight === 100) || (status.phase === 'RolledBack' && weight === 0)
      );
    });
    const ms = clock.monotonic() - began;
    this.#periods.push(load.begin());
    await period.settled();
    const { requests, failed, causes, firstFailureAt } = period;
    const zeroAt = this.#weights.findLast(({ weight }) => weight === 0)?.at;
    const result: ReleaseResult = {
      version,
      errorRate,
      outcome: phase,
      weights: this.#weights.map(({ weight }) => weight),
      requests,
      failed,
      causes: Object.fromEntries(causes),
      ms: Math.round(ms),
      rollbackMs:
        zeroAt === undefined || firstFailureAt === undefined
          ? undefined
          : Math.round(zeroAt - firstFailureAt),
      reason: rejected?.message ?? message,
    };
    const asPlanned = phase === (errorRate > 0 ? 'RolledBack' : 'Healthy') && (errorRate > 0 || failed === 0);
    act.state = asPlanned ? 'done' : 'wrong';
    const lost = `${thousands(failed)} of ${counted(requests, 'request')} failed`;
    act.detail = result.rollbackMs === undefined ? lost : `back in ${seconds(result.rollbackMs)}: ${lost}`;
    tell({ event: 'ended', ...result });
    return result;
  }

  #act(index: number) {
    const act = this.#acts[index];
    if (act === undefined) throw new RangeError(`the story has no act ${index}`);
    act.state = 'doing';
    return act;
  }

  async #apply(version: string, errorRate: number): Promise<void> {
    const { client, tell } = this.#stage;
    const release = shopRelease(this.#stage.manifest, version, errorRate);
    this.#steps = release.spec.steps.map(({ weight }) => weight);
    await client.patch(CANARY_RELEASES, RELEASE, 'apply', release, { fieldManager: 'demo', force: true });
    tell({ event: 'applied', version, image: `demo-app:${version}`, errorRate });
  }

  /** Waits for a status that is about the latest manifest. */
  async #until(
    what: string,
    limitMs: number,
    signal: AbortSignal,
    holds: (status: CanaryReleaseStatus) => boolean,
  ): Promise<CanaryReleaseStatus> {
    const { clock, operatorFailed } = this.#stage;
    const over = Promise.withResolvers<CanaryReleaseStatus>();
    // As the manifest was written before this call, a status of an older generation may still be the latest seen.
    const { generation: wanted = 0 } = (await this.#stage.client.get(CANARY_RELEASES, RELEASE)).metadata;
    const check = () => {
      const status = this.#state?.status;
      if (status !== undefined && (status.observedGeneration ?? 0) >= wanted && holds(status))
        over.resolve(status);
    };
    const timer = clock.after(limitMs, () => {
      const { phase = 'no status yet', message = '' } = this.#state?.status ?? {};
      const last = `The release's last word: ${phase}${message === '' ? '' : `: ${message}`}`;
      over.reject(new Error(`waited ${limitMs / 1000} s for ${what}, in vain. ${last}`));
    });
    const aborted = () => {
      over.reject(new Error('interrupted'));
    };
    signal.addEventListener('abort', aborted);
    this.#waiting.add(check);
    try {
      if (signal.aborted) aborted();
      check();
      return await Promise.race([over.promise, operatorFailed]);
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', aborted);
      this.#waiting.delete(check);
    }
  }

  #changed(): void {
    for (const check of this.#waiting) check();
  }

  #share(version: string): number {
    return this.#stage.mesh.weights(RELEASE.name).get(version) ?? 0;
  }

  #tellStatus({ phase, message = '', analysis, candidateRevision }: CanaryReleaseStatus): void {
    const { tell } = this.#stage;
    if (analysis === undefined || analysis.revision !== candidateRevision) {
      this.#told.verdict = '';
    } else if (analysis.verdict !== this.#told.verdict) {
      this.#told.verdict = analysis.verdict;
      tell({ event: 'verdict', verdict: analysis.verdict, message: analysis.message });
    }
    if (phase !== undefined && phase !== this.#told.phase) {
      this.#told.phase = phase;
      tell({ event: 'phase', phase, message });
    }
  }

  #tellWeights(): void {
    const { clock, mesh, tell } = this.#stage;
    const sorted = [...mesh.weights(RELEASE.name)].sort(([a], [b]) => (a < b ? -1 : 1));
    const weights = Object.fromEntries(sorted);
    const text = JSON.stringify(weights);
    if (text === this.#told.weights || text === '{}') return;
    this.#told.weights = text;
    tell({ event: 'weights', weights });
    if (this.#candidate === undefined) return;
    const weight = weights[this.#candidate] ?? 0;
    const before = this.#weights.at(-1)?.weight ?? 0;
    if (weight !== before) this.#weights.push({ weight, at: clock.monotonic() });
    const doing = this.#acts.find(({ state }) => state === 'doing');
    if (doing !== undefined && weight > 0) doing.detail = `${weight}% of the traffic`;
  }

  #rows(): VersionRow[] {
    const { load, mesh } = this.#stage;
    const weights = mesh.weights(RELEASE.name);
    const recent = load.recent(2);
    const counts = this.#counts();
    const known = [this.#stable, ...(this.#candidate === undefined ? [] : [this.#candidate])];
    const answered = [...counts.keys()].filter((version) => !known.includes(version));
    return [...new Set([...known, ...answered])].map((version) => {
      const { requests = 0, failed = 0 } = counts.get(version) ?? {};
      return {
        version: version === NO_VERSION ? 'no pod' : version,
        role: version === this.#stable ? 'stable' : version === this.#candidate ? 'new' : 'mesh',
        weight: weights.get(version) ?? 0,
        perSecond: recent.get(version)?.requests ?? 0,
        requests,
        failed,
      };
    });
  }
  #counts(): Map<string, Count> {
    const sums = new Map<string, Count>();
    for (const { versions } of this.#periods) {
      for (const [version, { requests, failed }] of versions) {
        const sum = sums.get(version) ?? { requests: 0, failed: 0 };
        sums.set(version, { requests: sum.requests + requests, failed: sum.failed + failed });
      }
    }
    return sums;
  }
}

/** A release's message often ends with its verdict's. */
function withoutVerdict(message: string, verdict: string): string {
  return message === verdict ? 'all traffic goes back' : message.replace(`: ${verdict}`, '');
}
