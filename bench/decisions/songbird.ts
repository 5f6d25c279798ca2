import { addInterval, emptyEvidence } from '../../src/analysis/evidence.ts';
import { defaultSettings, verdictOf, weigh } from '../../src/analysis/judge.ts';
import type { EventSettings } from '../../src/analysis/judge.ts';
import { nextLookMs } from '../../src/core/looks.ts';
import type { WatchedStep } from './cells.ts';
import { nuisanceOf, SCHEDULES } from './cells.ts';
import type { Cell } from './cells.ts';
import type { Random } from './random.ts';
import { Traffic } from './traffic.ts';

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
const DEADLINE = 600;

/** Stable is watched so long before the candidate gets traffic; a Prometheus knows more of the past. */
const LEAD_IN = 10;
const LEAD_IN_LOOKS_BY_SCRAPE = 20;

export function settingsOf(cell: Cell): EventSettings {
  return { ...defaultSettings(cell.kind), limit: cell.kind === 'slow' ? P99 : undefined };
}

/** Errors have no limit when spec.analysis is left out; a latency limit always is one, such as p99. */
const P99 = 0.01;

/** One release as Songbird would conduct it, with the functions that do so in production. */
export function release(cell: Cell, random: Random, settings: EventSettings): Ending {
  const nuisance = nuisanceOf(cell);
  const steps: readonly WatchedStep[] = SCHEDULES[cell.schedule];
  const traffic = new Traffic(
    { ...cell, nuisance },
    random,
    steps.reduce((sum, { seconds }) => sum + seconds, 0),
  );
  const { scrape } = nuisance;
  let state = emptyEvidence();
  for (let i = 0; i < (scrape === undefined ? LEAD_IN : LEAD_IN_LOOKS_BY_SCRAPE); i++) {
    const seconds = scrape ?? 1;
    state = addInterval(state, { ...traffic.look(seconds, 0), seconds }, settings.warmUp);
  }
  let elapsed = 0;
  let weighed = weigh(state, settings);
  const end = (outcome: Ending['outcome']): Ending => ({
    outcome,
    seconds: elapsed,
    failed: traffic.failed,
    served: traffic.served,
  });
  for (const { weight, seconds: watched } of steps) {
    let age = 0;
    const window = { all: 0, bad: 0 };
    for (;;) {
      const seconds = scrape ?? nextLookMs(age * 1000) / 1000;
      const look = traffic.look(seconds, weight);
      state = addInterval(state, { ...look, seconds, fresh: age === 0 }, settings.warmUp);
      age += seconds;
      elapsed += seconds;
      window.all += look.candidate.all;
      window.bad += look.candidate.bad;
      if (look.candidate.bad + look.stable.bad > 0) {
        weighed = weigh(state, settings);
        if (weighed.total >= weighed.needed) return end('RolledBack');
      }
      if (age < watched) continue;
      if (verdictOf(weighed, window, settings) === 'Pass') break;
      if (age >= watched + DEADLINE) return end('Inconclusive');
    }
  }
  return end('Promoted');
}
