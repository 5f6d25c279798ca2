import { add, NONE, within } from '../../src/analysis/counts.ts';
import { addInterval, emptyEvidence } from '../../src/analysis/evidence.ts';
import { verdictOf } from '../../src/analysis/judge.ts';
import { defaultSettings } from '../../src/analysis/settings.ts';
import type { EventSettings } from '../../src/analysis/settings.ts';
import { weigh } from '../../src/analysis/weigh.ts';
import type { Weighed } from '../../src/analysis/weigh.ts';
import type { EventEvidence, EventInterval } from '../../src/analysis/evidence.ts';
import type { Verdict } from '../../src/api/index.ts';
import { nextLookMs } from '../../src/core/looks.ts';
import { GRID_MS } from '../../src/telemetry/prometheus/grid.ts';
import type { WatchedStep } from './cells.ts';
import { nuisanceOf, SCHEDULES } from './cells.ts';
import type { Cell } from './cells.ts';
import type { Random } from './random.ts';
import { Bound } from './bound.ts';
import { Traffic } from './traffic.ts';
import type { Look } from './traffic.ts';

/** How one release ended. */
export interface Ending {
  readonly outcome: 'RolledBack' | 'Promoted' | 'Inconclusive';
  /** From the candidate's first traffic to the verdict. */
  readonly seconds: number;
  /** Bad requests that the candidate served until then. */
  readonly failed: number;
  readonly served: number;
}

/** The default progressDeadline: so long after its time a step may stay without a verdict. */
export const DEADLINE = 600;

/** Prometheus is asked so often (seconds). */
const GRID = GRID_MS / 1000;

/** Stable is watched so long before the candidate gets traffic, as while its pods start (seconds). */
const LEAD_IN = 10;

/**
 * What a release gets that sets nothing but a latency limit, as such limits always name a quantile: the strictest of p99,
 * p95 and p90 that the service keeps twice over. Errors have no limit unless one is given.
 */
export function settingsOf({ kind, base }: Cell): EventSettings {
  const limit = kind === 'slow' ? QUANTILE_LIMITS.find((share) => share >= 2 * base) : undefined;
  return { ...defaultSettings(kind), limit };
}

const QUANTILE_LIMITS = [0.01, 0.05, 0.1];

/** One release as Songbird would conduct it, with the functions that do so in production. */
export function release(cell: Cell, random: Random, settings: EventSettings): Ending {
  const nuisance = nuisanceOf(cell);
  const steps: readonly WatchedStep[] = SCHEDULES[cell.schedule];
  const length = steps.reduce((sum, { seconds }) => sum + seconds, 0);
  const traffic = new Traffic({ ...cell, nuisance }, random, length);
  const analysis = new Analysis(settings);
  const { scrape } = nuisance;
  const lumps = scrape === undefined ? undefined : scrape + GRID;
  for (let watched = 0; watched < LEAD_IN;) {
    const seconds = scrape === undefined ? 1 : GRID;
    analysis.add({ ...lookAfter(traffic, seconds, 0), seconds, lumps });
    watched += seconds;
  }
  let elapsed = 0;
  const end = (outcome: Ending['outcome']): Ending => ({
    outcome,
    seconds: elapsed,
    failed: traffic.failed,
    served: traffic.served,
  });
  for (const { weight, seconds: watched } of steps) {
    for (let age = 0; ;) {
      const seconds = scrape === undefined ? nextLookMs(age * 1000) / 1000 : GRID;
      // The first scrape at a weight tells of the time before it as well.
      const isMixed = scrape !== undefined && age < scrape;
      const fresh = age === (scrape ?? 0);
      analysis.add({
        ...lookAfter(traffic, seconds, weight),
        ...{ seconds, fresh, before: isMixed, lumps },
      });
      age += seconds;
      elapsed += seconds;
      if (analysis.hasFailed) return end('RolledBack');
      if (age < watched) continue;
      const held = (age - watched) / DEADLINE;
      if (analysis.verdict(held) === 'Pass') break;
      if (held >= 1) return end('Inconclusive');
    }
  }
  return end('Promoted');
}

/** Lets requests come, at most a second of them at a time: scrapes fall in between. */
function lookAfter(traffic: Traffic, seconds: number, weight: number): Look {
  for (let rest = seconds; rest > 1; rest--) traffic.step(1, weight);
  return traffic.look(seconds - Math.max(0, Math.ceil(seconds) - 1), weight);
}

/** Evidence as it is kept for one metric of one release, and the window of its present weight. */
class Analysis {
  readonly #settings: EventSettings;
  readonly #bound: Bound;
  #state = emptyEvidence();
  #latest: { readonly state: EventEvidence; readonly weighed: Weighed } | undefined;
  #window = NONE;
  #excused = NONE;

  constructor(settings: EventSettings) {
    this.#settings = settings;
    this.#bound = new Bound(settings);
  }

  add(interval: EventInterval): void {
    const { candidate, stable, fresh, before: isMixed } = interval;
    const before = this.#state;
    this.#state = addInterval(before, interval, this.#settings);
    this.#bound.add(before, this.#state, stable.all);
    if (fresh === true) {
      this.#window = NONE;
      this.#excused = NONE;
    }
    if (isMixed === true) return;
    this.#window = add(this.#window, candidate);
    const { excused } = this.#state;
    if (excused.all > 0) this.#excused = within(add(this.#excused, excused), this.#window);
  }

  get hasFailed(): boolean {
    if (!this.#bound.mayFail(this.#state)) return false;
    const weighed = this.#weigh();
    this.#bound.weighed(this.#state, weighed);
    return weighed.total >= weighed.needed;
  }

  /** @param held share of the time for which the step may be held that is over */
  verdict(held: number): Verdict {
    const window = { ...this.#window, excused: this.#excused };
    return verdictOf(this.#weigh(), window, { ...this.#settings, held });
  }

  #weigh(): Weighed {
    if (this.#latest?.state !== this.#state) {
      this.#latest = { state: this.#state, weighed: weigh(this.#state, this.#settings) };
    }
    return this.#latest.weighed;
  }
}
