import type { Overall } from '../../analysis/values/overall.ts';
import type { AnalysisStatus, ValueStatus, Verdict } from '../../api/index.ts';
import type { Observed } from '../../core/model.ts';
import type { Clock } from '../../kube/clock.ts';
import { Counting } from './counting.ts';
import { Measuring } from './measuring.ts';
import type { Gathered } from './observe.ts';
import { type Progress, type TelemetryAccess, progressOf, worst } from './progress.ts';

/** Reads and measures what the candidate's requests experience, and judges it. No source, however slow, holds it up. */
export class Analyst {
  readonly #counting: Counting;
  readonly #measuring: Measuring;

  /** @param wake looks at the release with this key again: a slow read is over */
  constructor(access: TelemetryAccess, clock: Clock, wake: (key: string) => void) {
    this.#counting = new Counting(access, clock, wake);
    this.#measuring = new Measuring(access, clock, wake);
  }

  /** What was observed, with the analysis up to now, while a release is in progress. */
  async analyse(key: string, gathered: Gathered, now: number): Promise<Observed> {
    const progress = progressOf(gathered.observed, now);
    if (progress === undefined) {
      this.#counting.drop(key);
      this.#measuring.drop(key);
      return gathered.observed;
    }
    const { serves } = progress;
    const begun = serves ? this.#measuring.begin(key, gathered, progress, now) : [];
    if (!serves) this.#measuring.drop(key);
    const ids = this.#counting.begin(key, gathered, progress, now);
    await Promise.all([this.#counting.settle(key), this.#measuring.settle(key)]);
    const { telemetry, analysis } = this.#counting.judge(key, ids, gathered, progress, now);
    const measured = serves
      ? this.#measuring.judge(key, gathered, progress, begun, now)
      : unmeasured(progress);
    const trouble = telemetry.state === 'failing' ? telemetry.problem.message : undefined;
    return { ...gathered.observed, telemetry, analysis: combined(analysis, measured, trouble) };
  }

  /** Drops all that is kept of a release whose candidate is gone. */
  forget(key: string): void {
    this.#counting.forget(key);
    this.#measuring.drop(key);
  }
}

interface Measured {
  readonly states: readonly ValueStatus[] | undefined;
  readonly overall: Overall;
}

/** Without a ready pod there is nothing to measure: what was measured stays as it is, and nothing passes by it. */
function unmeasured({ candidate, previous }: Progress): Measured {
  const score = previous?.score;
  return {
    states: previous?.values,
    overall: {
      verdict: 'Inconclusive',
      messages: [`no pod of revision ${candidate} is ready`],
      ...(score === undefined ? {} : { score }),
    },
  };
}

/** What was counted and what was measured, as one analysis: one Fail fails, and all must pass. */
function combined(
  events: AnalysisStatus,
  measured: Measured | undefined,
  trouble: string | undefined,
): AnalysisStatus {
  const overall = measured?.overall;
  const counted: Verdict =
    trouble === undefined || events.verdict === 'Fail' ? events.verdict : 'Inconclusive';
  const said = trouble !== undefined && events.verdict !== 'Fail' ? trouble : events.message;
  const verdict = worst([counted, overall?.verdict ?? 'Pass']);
  const messages = [
    ...(counted === verdict ? [said] : []),
    ...(overall?.verdict === verdict ? overall.messages : []),
  ].filter((sentence) => sentence !== '');
  return {
    ...events,
    verdict,
    message: [...new Set(messages)].join('; '),
    ...(measured?.states === undefined ? {} : { values: [...measured.states] }),
    ...(overall?.score === undefined ? {} : { score: overall.score }),
  };
}
