import { evaluate } from '../analysis/evaluate.ts';
import type { AnalysisStatus, CanaryReleaseSpec, CanaryReleaseStatus, Outcome } from '../api/index.ts';
import { baselineName } from '../api/index.ts';
import { decide } from '../core/decide.ts';
import type { Baseline, Effect, Observed, Workload } from '../core/model.ts';
import { ms } from '../core/model.ts';
import { heldShare } from '../core/window.ts';
import type { Dice } from './dice.ts';
import { Source } from './source.ts';
import type { Requests } from './traffic.ts';

const NAME = 'simulated';
const STABLE = 'stable';
const CANDIDATE = 'candidate';
const START = Date.UTC(2030, 0, 1);
/** What an API server and a mesh need for one write to take effect (ms). */
const WRITE_MS = 50;
/** No release lasts longer, unless its manifest says so on purpose. */
const MOST_MS = 14 * 24 * 3_600_000;
const MOST_PASSES_AT_ONCE = 100;
/** As in Istio's samples. */
export const DEFAULT_SCRAPE_MS = 15_000;

/** A release from its first pass to its end, as its users met it. */
export interface Life {
  readonly outcome: Outcome | 'Paused' | 'Unfinished';
  /** Of a pause because there was no verdict (`onInconclusive: pause`): `Inconclusive`. */
  readonly reason: string;
  /** The last sentence of its analysis. */
  readonly message: string;
  /** From its beginning to its end (ms). */
  readonly tookMs: number;
  /** When each weight had passed (ms since the beginning), in order. */
  readonly passed: readonly { readonly weight: number; readonly atMs: number }[];
  /** Requests that the candidate served before the end, and the bad ones among them by metric. */
  readonly requests: number;
  readonly bad: Readonly<Record<string, number>>;
}

/** What a release is played with. */
export interface LifeOptions {
  /** How often Prometheus scrapes (ms), where the manifest counts by it. */
  readonly scrapeMs?: number;
  /** How many metrics share the error budget, where that is more than are played. */
  readonly tests?: number;
}

/**
 * One release in a cluster where every pod is ready and every write takes effect at once: the production `decide` and
 * `evaluate`, with requests from `traffic`. Pauses that wait for a person end the life as `Paused`.
 */
export function playLife(
  spec: CanaryReleaseSpec,
  traffic: Requests,
  dice: Dice,
  options: LifeOptions = {},
): Life {
  const cluster = new Cluster(spec, traffic, dice, options);
  while (!cluster.isOver) cluster.look();
  return cluster.life();
}

class Cluster {
  readonly #spec: CanaryReleaseSpec;
  readonly #traffic: Requests;
  readonly #dice: Dice;
  readonly #source: Source;
  readonly #tests: number | undefined;
  #now = START;
  #counted = START;
  #status: CanaryReleaseStatus = { stableRevision: STABLE };
  #workloads: Record<string, Workload>;
  #baselines: Record<string, Baseline> = {};
  #weights: Record<string, number> = { [STABLE]: 100 };
  #subsets = [STABLE];
  readonly #passed: { weight: number; atMs: number }[] = [];
  readonly #served = { requests: 0, bad: {} as Record<string, number> };

  constructor(spec: CanaryReleaseSpec, traffic: Requests, dice: Dice, options: LifeOptions) {
    this.#spec = spec;
    this.#traffic = traffic;
    this.#dice = dice;
    const { scrapeMs = DEFAULT_SCRAPE_MS, tests } = options;
    this.#source = new Source(spec.analysis, { source: spec.analysis.source, scrapeMs }, START, dice);
    this.#tests = tests;
    this.#workloads = { [STABLE]: pods(spec.replicas) };
  }

  get isOver(): boolean {
    return (
      this.#status.history !== undefined || this.#status.paused !== undefined || this.#now - START > MOST_MS
    );
  }

  life(): Life {
    const { history, paused, analysis } = this.#status;
    const [end] = history ?? [];
    const waits = paused?.by === 'inconclusive' ? 'Inconclusive' : 'Paused';
    return {
      outcome: end?.outcome ?? (paused === undefined ? 'Unfinished' : 'Paused'),
      reason: end?.reason ?? (paused === undefined ? 'Unfinished' : waits),
      message: end?.message ?? paused?.message ?? analysis?.message ?? '',
      tookMs: this.#now - START,
      passed: this.#passed,
      ...this.#served,
    };
  }

  /** All passes that there is something to do for at this moment, and then time until the next one is due. */
  look(): void {
    for (let i = 0; i < MOST_PASSES_AT_ONCE; i++) {
      const before = this.#status;
      const { status, effect, requeueAt } = decide(this.#observe(), this.#now);
      this.#status = status;
      this.#notePassed(before, status);
      if (this.isOver) return;
      if (effect !== undefined) this.#apply(effect);
      else if (requeueAt === undefined || requeueAt > this.#now) {
        this.#now = requeueAt ?? Infinity;
        return;
      }
    }
    throw new Error('a release that never comes to rest: this is a fault of Songbird');
  }

  #notePassed(before: CanaryReleaseStatus, after: CanaryReleaseStatus): void {
    const was = before.step?.weight;
    const is = after.step?.weight ?? (after.stableRevision === CANDIDATE ? Infinity : 0);
    if (was !== undefined && is > was) this.#passed.push({ weight: was, atMs: this.#now - START });
  }

  #observe(): Observed {
    const status = this.#status;
    const analysis = this.#analysis();
    return {
      name: NAME,
      generation: 1,
      deleting: false,
      hasFinalizer: true,
      spec: this.#spec,
      status,
      target: CANDIDATE,
      workloads: this.#workloads,
      baselines: this.#baselines,
      service: 'ok',
      traffic: { weights: this.#weights, subsets: this.#subsets, drifted: false, effective: true },
      problems: [],
      commands: [],
      telemetry: analysis === undefined ? { state: 'unused' } : { state: 'readable', counted: true },
      ...(analysis === undefined ? {} : { analysis }),
    };
  }

  #analysis(): AnalysisStatus | undefined {
    const { candidateRevision, attempt, analysis, step, ending } = this.#status;
    if (candidateRevision === undefined || attempt === undefined || ending !== undefined) return undefined;
    this.#count();
    const from = ms(analysis?.through ?? attempt.startedAt);
    return evaluate({
      spec: this.#spec.analysis,
      tests: this.#tests,
      candidate: CANDIDATE,
      stable: STABLE,
      previous: analysis,
      windowFrom: step?.observedAt,
      alone: this.#weights[CANDIDATE] === 100,
      held: heldShare({ spec: this.#spec, status: this.#status }, this.#now),
      reading: this.#source.reading(from),
      from,
    });
  }

  /** The requests since the last count. */
  #count(): void {
    const from = this.#counted;
    if (this.#now <= from) return;
    const share = (this.#weights[CANDIDATE] ?? 0) / 100;
    const at = [from - START, this.#now - START] as const;
    const candidate = this.#traffic.count('candidate', share, ...at, this.#dice);
    const stable = this.#traffic.count('stable', (1 - share) * this.#comparedShare, ...at, this.#dice);
    this.#source.add({ from, to: this.#now, counts: { [CANDIDATE]: candidate, [STABLE]: stable } });
    this.#counted = this.#now;
    this.#served.requests += Math.max(0, ...Object.values(candidate).map(({ all }) => all));
    for (const [metric, { bad }] of Object.entries(candidate)) {
      this.#served.bad[metric] = (this.#served.bad[metric] ?? 0) + bad;
    }
  }

  /** The part of stable's requests that the candidate is compared with (0–1): a fresh baseline's, where one is wanted. */
  get #comparedShare(): number {
    if (this.#spec.analysis.freshBaseline !== true) return 1;
    const fresh = Object.values(this.#baselines).reduce((sum, { ready }) => sum + ready, 0);
    return fresh === 0 ? 0 : fresh / (fresh + (this.#workloads[STABLE]?.ready ?? 0));
  }

  #apply(effect: Effect): void {
    this.#count();
    if (effect.kind === 'applyDeployment' || effect.kind === 'scaleDeployment') {
      this.#workloads = { ...this.#workloads, [effect.revision]: pods(effect.replicas) };
    } else if (effect.kind === 'applyBaseline') {
      const { revision, attempt, replicas } = effect;
      const name = baselineName(NAME, revision, attempt);
      this.#baselines = { ...this.#baselines, [name]: { ...pods(replicas), revision } };
    } else if (effect.kind === 'deleteBaseline') {
      this.#baselines = {};
    } else if (effect.kind === 'route') {
      this.#weights = { ...effect.weights };
      this.#subsets = [...effect.subsets];
    } else {
      throw new Error(`the release wants ${effect.kind}, which nothing here can need: a fault of Songbird`);
    }
    // Until the write has taken effect the weights are what they were.
    this.#now += WRITE_MS;
  }
}

function pods(count: number): Workload {
  return { replicas: count, ready: count, pods: count, drifted: false };
}
