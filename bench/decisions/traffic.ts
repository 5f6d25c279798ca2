import { HISTOGRAMS_MS } from '../../src/analysis/settings.ts';
import type { EventMetric } from '../../src/analysis/telemetry.ts';
import type { Random } from './random.ts';

/** How requests come and fail. All rates are shares of requests (0–1), all times seconds. */
export interface TrafficModel {
  readonly kind: EventMetric['kind'];
  readonly rps: number;
  /** Share of stable's requests that are bad. */
  readonly base: number;
  /** How many times as bad the candidate is: its share is at most {@link MOST_BAD}. */
  readonly ratio: number;
  readonly nuisance: Nuisance;
}

/** What makes counts less well-behaved than independent requests at constant rates. All parts can be combined. */
export interface Nuisance {
  /** Each failed call is tried again at once, and fails again: so many bad requests for one incident (or so many on average, geometrically). */
  readonly cluster?: { readonly size: number; readonly geometric?: boolean };
  /** Standard deviation of ln(bad rate) among pods of one version; `counted` when the source has counts by pod. */
  readonly pods?: { readonly spread: number; readonly counted?: boolean };
  /** Standard deviation of ln(load) and ln(bad rate), shared by both sides, autoregressive. */
  readonly wander?: number;
  /** The day's rhythm: how many times as much load and bad rate at the peak as at the trough. */
  readonly daily?: { readonly load: number; readonly bad: number };
  /** Both sides fail together for a while. */
  readonly outage?: { readonly share: number; readonly seconds: number };
  /** Each new pod of the candidate is at first so many times as bad, decaying. */
  readonly cold?: { readonly ratio: number; readonly seconds: number };
  /** Counts are scraped so seldom, each side at its own time. */
  readonly scrape?: number;
  /** Pods restart, and their counts since the last look are lost: seconds between restarts of a side. */
  readonly restarts?: number;
  /** Share of reads of a side that fail; their counts come with the next. */
  readonly missing?: number;
}

export const MOST_BAD = 0.95;

/** Pods of the stable version. The candidate has its share of as many, and at least one. */
const PODS = 3;
const WANDER_SECONDS = 30;
const DAY = 86_400;

export interface SideCounts {
  all: number;
  bad: number;
}

/** What a look sees of both sides, and what has truly gone wrong. */
export interface Look {
  readonly candidate: SideCounts;
  readonly stable: SideCounts;
  readonly pods?: { candidate: Record<string, SideCounts>; stable: Record<string, SideCounts> };
}

/** The traffic of one release. */
export class Traffic {
  readonly #model: TrafficModel;
  readonly #random: Random;
  readonly #candidate: Version;
  readonly #stable: Version;
  readonly #outageFrom: number;
  readonly #phase: number;
  #time = 0;
  #load = 0;
  #rate = 0;
  /** Bad requests that the candidate has truly served. */
  failed = 0;
  /** All requests that the candidate has truly served. */
  served = 0;

  /** @param seconds how long the release takes at least: an outage falls in this time */
  constructor(model: TrafficModel, random: Random, seconds: number) {
    this.#model = model;
    this.#random = random;
    const { nuisance } = model;
    // Of durations a source learns as by scrapes.
    const told = nuisance.scrape ?? (model.kind === 'slow' ? HISTOGRAMS_MS / 1000 : undefined);
    this.#candidate = new Version(nuisance, random, told);
    this.#stable = new Version(nuisance, random, told);
    this.#outageFrom = nuisance.outage === undefined ? Infinity : random.next() * seconds;
    this.#phase = random.next() * DAY;
    if (nuisance.wander !== undefined) {
      this.#load = nuisance.wander * random.normal();
      this.#rate = nuisance.wander * random.normal();
    }
  }

  /** Lets requests come for so many seconds at this weight (percent), and looks at the counts. */
  look(seconds: number, weight: number): Look {
    this.step(seconds, weight);
    return this.read();
  }

  /** Lets requests come without looking. */
  step(seconds: number, weight: number): void {
    const { rps, base, ratio, nuisance } = this.#model;
    const { load, rate } = this.#conditions(seconds);
    const middle = this.#time + seconds / 2;
    let share = base * rate;
    if (
      nuisance.outage !== undefined &&
      middle >= this.#outageFrom &&
      middle < this.#outageFrom + nuisance.outage.seconds
    ) {
      share = Math.max(share, nuisance.outage.share);
    }
    const requests = rps * load * seconds;
    const candidate = (requests * weight) / 100;
    const pods = weight === 0 ? 0 : Math.max(1, Math.ceil((PODS * weight) / 100));
    const [all, bad] = this.#candidate.serve(
      candidate,
      Math.min(MOST_BAD, share * ratio),
      pods,
      this.#time,
      seconds,
    );
    this.served += all;
    this.failed += bad;
    this.#stable.serve(requests - candidate, Math.min(MOST_BAD, share), PODS, -Infinity, seconds);
    this.#time += seconds;
    this.#candidate.observe(this.#time, seconds);
    this.#stable.observe(this.#time, seconds);
  }

  /** What is to be seen since the last read. */
  read(): Look {
    const candidate = this.#candidate.read();
    const stable = this.#stable.read();
    if (this.#model.nuisance.pods?.counted !== true) return { candidate, stable };
    return {
      candidate,
      stable,
      pods: { candidate: this.#candidate.readPods(), stable: this.#stable.readPods() },
    };
  }

  #conditions(seconds: number): { load: number; rate: number } {
    const { wander, daily } = this.#model.nuisance;
    let load = 1;
    let rate = 1;
    if (wander !== undefined) {
      const keep = Math.exp(-seconds / WANDER_SECONDS);
      const fresh = wander * Math.sqrt(1 - keep * keep);
      this.#load = keep * this.#load + fresh * this.#random.normal();
      this.#rate = keep * this.#rate + fresh * this.#random.normal();
      load = Math.exp(this.#load - (wander * wander) / 2);
      // What is busy fails more.
      rate = Math.exp(this.#rate + this.#load / 2 - (wander * wander * 5) / 8);
    }
    if (daily !== undefined) {
      const wave = Math.sin((2 * Math.PI * (this.#phase + this.#time)) / DAY) / 2;
      load *= daily.load ** wave;
      rate *= daily.bad ** wave;
    }
    return { load, rate };
  }
}

/** The pods of one version: how they serve, and what a source sees of it. */
class Version {
  readonly #nuisance: Nuisance;
  readonly #random: Random;
  readonly #effects: number[];
  readonly #startedAt: number[] = [];
  readonly #told: number | undefined;
  readonly #toldAt: number;
  /** By pod, retries that fall into the time to come: seconds from now. */
  readonly #later: number[][] = Array.from({ length: PODS }, () => []);
  /** Pods with traffic. */
  #serving = PODS;
  /** Served, not yet seen. */
  #pending: SideCounts = { all: 0, bad: 0 };
  /** To be seen at the next look. */
  #visible: SideCounts = { all: 0, bad: 0 };
  #pods: Record<string, SideCounts> = {};

  /** @param told the source learns of requests every so many seconds, of each version at its own time; undefined: at once */
  constructor(nuisance: Nuisance, random: Random, told: number | undefined) {
    this.#nuisance = nuisance;
    this.#told = told;
    this.#random = random;
    const spread = nuisance.pods?.spread ?? 0;
    this.#effects = Array.from({ length: PODS }, () => (spread > 0 ? random.logNormal(spread) : 1));
    this.#toldAt = told === undefined ? 0 : random.next() * told;
  }

  /** Serves so many requests on average; returns how many in truth, and how many were bad. */
  serve(mean: number, share: number, pods: number, now: number, seconds: number): [all: number, bad: number] {
    if (mean <= 0) return [0, 0];
    this.#serving = pods;
    const { pods: effects, cluster } = this.#nuisance;
    if (effects === undefined) {
      const rate = Math.min(MOST_BAD, share * this.#coldness(pods, now, seconds));
      const bad =
        cluster === undefined
          ? this.#random.poisson(mean * rate)
          : this.#clusters(0, mean * rate, seconds, cluster);
      const all = bad + this.#random.poisson(mean * (1 - rate));
      this.#pending.all += all;
      this.#pending.bad += bad;
      return [all, bad];
    }
    let sumAll = 0;
    let sumBad = 0;
    for (let i = 0; i < pods; i++) {
      const rate = Math.min(MOST_BAD, share * (this.#effects[i] ?? 1) * this.#coldness(1, now, seconds, i));
      const own = mean / pods;
      const bad =
        cluster === undefined
          ? this.#random.poisson(own * rate)
          : this.#clusters(i, own * rate, seconds, cluster);
      const all = bad + this.#random.poisson(own * (1 - rate));
      const pod = (this.#pods[`pod-${i}`] ??= { all: 0, bad: 0 });
      pod.all += all;
      pod.bad += bad;
      sumAll += all;
      sumBad += bad;
    }
    this.#pending.all += sumAll;
    this.#pending.bad += sumBad;
    return [sumAll, sumBad];
  }

  /** By how much pods that are still cold raise the bad rate: on average over so many, or of one. */
  #coldness(pods: number, now: number, seconds: number, only?: number): number {
    const { cold } = this.#nuisance;
    if (cold === undefined || now === -Infinity) return 1;
    let sum = 0;
    for (let i = 0; i < pods; i++) {
      const start = (this.#startedAt[only ?? i] ??= now);
      sum += 1 + (cold.ratio - 1) * Math.exp(-(now + seconds / 2 - start) / cold.seconds);
    }
    return sum / pods;
  }

  /** Bad requests in this time when each incident is tried again: attempts that come later are kept. */
  #clusters(pod: number, mean: number, seconds: number, cluster: NonNullable<Nuisance['cluster']>): number {
    let bad = 0;
    const later: number[] = [];
    const place = (time: number) => {
      if (time < seconds) bad++;
      else later.push(time - seconds);
    };
    for (const time of this.#later[pod] ?? []) place(time);
    const incidents = this.#random.poisson(mean / cluster.size);
    for (let i = 0; i < incidents; i++) {
      let time = this.#random.next() * seconds;
      place(time);
      let attempt = 1;
      const again = () =>
        cluster.geometric === true ? this.#random.next() < 1 - 1 / cluster.size : attempt < cluster.size;
      while (again()) {
        time += RETRY_LATENCY + this.#random.next() * RETRY_BACKOFF * (2 ** Math.min(attempt, 4) - 1);
        place(time);
        attempt++;
      }
    }
    this.#later[pod] = later;
    return bad;
  }

  /** Makes visible what a source has seen at this time. */
  observe(now: number, seconds: number): void {
    const { restarts, missing } = this.#nuisance;
    const told = this.#told;
    if (restarts !== undefined && this.#random.next() < seconds / restarts) {
      // One pod's counts since the last look are gone.
      const kept = 1 - 1 / this.#serving;
      this.#pending.all = Math.round(this.#pending.all * kept);
      this.#pending.bad = Math.min(this.#pending.all, Math.round(this.#pending.bad * kept));
    }
    if (missing !== undefined && this.#random.next() < missing) return;
    if (told !== undefined) {
      const rounds = (time: number) => Math.floor((time - this.#toldAt) / told);
      if (rounds(now) === rounds(now - seconds)) return;
    }
    this.#visible.all += this.#pending.all;
    this.#visible.bad += this.#pending.bad;
    this.#pending = { all: 0, bad: 0 };
  }

  read(): SideCounts {
    const counts = this.#visible;
    this.#visible = { all: 0, bad: 0 };
    return counts;
  }

  readPods(): Record<string, SideCounts> {
    const counts = this.#pods;
    this.#pods = {};
    return counts;
  }
}

/** Envoy's default back-off: 25 ms, doubling; and what an attempt takes to fail (seconds). */
const RETRY_BACKOFF = 0.025;
const RETRY_LATENCY = 0.02;
