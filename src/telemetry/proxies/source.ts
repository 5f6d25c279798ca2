import type {
  Reading,
  Target,
  TargetPod,
  TelemetryQuery,
  TelemetrySource,
} from '../../analysis/telemetry.ts';
import { ExpositionError } from '../exposition.ts';
import { HttpFailure } from '../http.ts';
import type { Http } from '../http.ts';
import { excerpt, sentences, unknowableSentence } from '../text.ts';
import { PodCounters } from './fold.ts';
import { parseStatistics, StatisticsError } from './statistics.ts';
import type { Statistics } from './statistics.ts';
import { UnreadyPods } from './unready.ts';

export interface ProxiesOptions {
  /** For each pod's whole answer. Default 1000. */
  readonly timeoutMs?: number | undefined;
  /** Most bytes that a proxy's answer may have. Default 32 MiB. */
  readonly maxBytes?: number | undefined;
  /** Most pods that are read at the same time for one release. Default 256. */
  readonly concurrency?: number | undefined;
}

const DEFAULT_MAX_AGE_MS = 900;
const MOST_AGE_MS = 1000;
/** A query this much before the last round tells of a clock that was set back, and not of passes that overtake each other. */
const SET_BACK_MS = 900;

interface Round {
  readonly time: number;
  /** A sentence for each ready pod that couldn't be read. */
  readonly failures: readonly string[];
  /** How many ready pods could be read. */
  readonly podsRead: number;
}

interface Release {
  readonly counters: PodCounters;
  readonly unready: UnreadyPods;
  round?: Round;
  /** The round under way. */
  reading?: Promise<Round>;
}

/**
 * Reads the statistics of the targets' proxies itself: at each `read`, unless what it has is young enough,
 * from all pods in parallel. It waits for those that are ready; the others are read beside it, and what they answer is in
 * this round or in a later one. What it has read it keeps in memory by release, so intervals begin with the first read of
 * a release by this process.
 */
export class ProxiesSource implements TelemetrySource {
  readonly #http: Http;
  readonly #options: Required<{ [K in keyof ProxiesOptions]: number }>;
  readonly #releases = new Map<string, Release>();

  constructor(http: Http, options: ProxiesOptions = {}) {
    this.#http = http;
    this.#options = {
      timeoutMs: options.timeoutMs ?? 1000,
      maxBytes: options.maxBytes ?? 32 * 1024 * 1024,
      concurrency: options.concurrency ?? 256,
    };
  }

  async read(query: TelemetryQuery): Promise<Reading> {
    const release = this.#releaseOf(query);
    const due = Math.abs(query.now - (release.round?.time ?? -Infinity)) >= maxAgeMs(query);
    if (due && release.reading === undefined) {
      release.reading = this.#readRound(release, query.now, query.targets).finally(() => {
        delete release.reading;
      });
    }
    const round = await (release.reading ?? release.round);
    if (round === undefined) throw new Error('a release without a round is always due');
    return answer(query, release.counters, round);
  }

  forget(namespace: string, release: string): void {
    this.#releases.delete(`${namespace}/${release}`);
  }

  #releaseOf(query: TelemetryQuery): Release {
    const key = `${query.namespace}/${query.release}`;
    const known = this.#releases.get(key);
    // After the wall clock was set back, times of earlier rounds mean nothing beside those to come.
    const setBack = query.now <= (known?.round?.time ?? -Infinity) - SET_BACK_MS;
    if (known !== undefined && !setBack) return known;
    const release = {
      counters: new PodCounters(),
      unready: new UnreadyPods((pod) => this.#readPod(pod)),
    };
    this.#releases.set(key, release);
    return release;
  }

  async #readRound(release: Release, time: number, targets: readonly Target[]): Promise<Round> {
    const pods = targets.flatMap((target) => target.pods.filter(({ ready }) => ready));
    const read = new Map<string, Statistics>();
    const failures: string[] = [];
    const waiting = pods.values();
    const worker = async () => {
      for (const pod of waiting) {
        const statistics = await this.#readPod(pod);
        if (typeof statistics === 'string') failures.push(statistics);
        else read.set(pod.uid, statistics);
      }
    };
    const workers = Array.from({ length: Math.min(this.#options.concurrency, pods.length) }, worker);
    release.unready.ask(time, targets);
    await Promise.all(workers);
    release.counters.fold(time, targets, read, release.unready.take(targets));
    release.round = { time, failures: failures.sort(), podsRead: read.size };
    return release.round;
  }

  /** The pod's statistics, or a sentence on why there are none. */
  async #readPod(pod: TargetPod): Promise<Statistics | string> {
    if (pod.ip === '') return `Pod ${pod.name} has no IP address yet.`;
    const host = pod.ip.includes(':') ? `[${pod.ip}]` : pod.ip;
    const address = `${host}:${pod.statsPort}`;
    const wrongPort = `Is ${pod.statsPort} the port of the proxy's statistics (Istio's is 15090)?`;
    try {
      const { status, body } = await this.#http({
        method: 'GET',
        url: `http://${address}/stats/prometheus`,
        timeoutMs: this.#options.timeoutMs,
        maxBytes: this.#options.maxBytes,
      });
      if (status === 200) return parseStatistics(body);
      return `Pod ${pod.name} answered HTTP ${status} at http://${address}/stats/prometheus. ${wrongPort}`;
    } catch (error) {
      if (error instanceof ExpositionError || error instanceof StatisticsError) {
        return `What pod ${pod.name} answers at http://${address}/stats/prometheus can't be used: ${excerpt(error.message)}. ${wrongPort}`;
      }
      if (error instanceof HttpFailure) {
        return `The proxy of pod ${pod.name} can't be read at ${address}: ${excerpt(error.message)}. ${wrongPort} Does the pod have a sidecar, and does a NetworkPolicy let Songbird reach it?`;
      }
      throw error;
    }
  }
}

function maxAgeMs({ maxAgeMs: asked = DEFAULT_MAX_AGE_MS }: TelemetryQuery): number {
  return Math.min(MOST_AGE_MS, asked);
}

function answer(query: TelemetryQuery, counters: PodCounters, round: Round): Reading {
  const failures = sentences(round.failures);
  if (round.podsRead === 0 && round.failures.length > 0) {
    return { ok: false, code: 'TelemetryUnreachable', message: `No proxy can be read. ${failures}` };
  }
  const revisions = query.targets.map((target) => target.revision);
  const account = counters.ledger.account(query.from, revisions, query.metrics);
  const complete = revisions.flatMap((revision) => {
    const span = counters.complete(revision);
    return span === undefined ? [] : [{ revision, ...span }];
  });
  const podless = query.targets
    .filter((target) => !target.pods.some(({ ready }) => ready))
    .map((target) => `Revision ${target.revision} has no ready pod to read.`);
  const unknowable = account.unknowable.map((name) => unknowableSentence(name, query.metrics));
  const warning = [failures, ...podless, ...unknowable].filter((sentence) => sentence !== '').join(' ');
  return {
    ok: true,
    intervals: account.intervals,
    completeThrough: Object.fromEntries(complete.map(({ revision, through }) => [revision, through])),
    completeFrom: Object.fromEntries(
      complete.filter(({ from }) => from > -Infinity).map(({ revision, from }) => [revision, from]),
    ),
    ...(warning === '' ? {} : { warning }),
  };
}
