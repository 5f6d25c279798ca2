import type { AnalysisSpec, ValueStatus, Verdict } from '../../api/index.ts';
import type { ValueMetric } from './metric.ts';

/** What all value metrics say together. */
export interface Overall {
  readonly verdict: Verdict;
  /** The sentences that decided. */
  readonly messages: readonly string[];
  /** The share of the weight that passes (percent), where there is a score. */
  readonly score?: number;
}

/** True when failures of this metric count towards the score of a step alone. */
export function isScored(metric: ValueMetric, score: AnalysisSpec['score']): boolean {
  return score !== undefined && metric.spec.critical !== true && metric.spec.dryRun !== true;
}

/**
 * The verdict of all value metrics; dry runs decide nothing, and no metric at all is a Pass. Without a score one Fail
 * fails and all must pass. With one, a critical metric fails at once, and the others by their weight when the step is
 * over; what is not measured yet counts for the candidate when it fails, and against it when it passes.
 */
export function overallOf(
  metrics: readonly ValueMetric[],
  states: readonly ValueStatus[],
  score: AnalysisSpec['score'],
  stepIsOver: boolean,
): Overall {
  const deciding = metrics.flatMap((metric) => {
    const state = states.find(({ name }) => name === metric.name);
    return state === undefined || metric.spec.dryRun === true ? [] : [{ metric, state }];
  });
  const saying = (verdict: Verdict, wanted: (metric: ValueMetric) => boolean = () => true) =>
    deciding
      .filter(({ metric, state }) => state.verdict === verdict && wanted(metric))
      .map(({ state }) => state.message);
  const decided = (verdict: Verdict, messages: readonly string[]): Overall => ({ verdict, messages });
  const failing = saying('Fail', (metric) => !isScored(metric, score));
  if (failing.length > 0) return decided('Fail', failing);
  if (deciding.length === 0) return decided('Pass', []);
  const waiting = saying('Inconclusive');
  if (score === undefined)
    return waiting.length > 0 ? decided('Inconclusive', waiting) : decided('Pass', saying('Pass'));
  const weight = (verdict: Verdict) =>
    deciding.reduce(
      (sum, { metric, state }) => sum + (state.verdict === verdict ? metric.spec.weight : 0),
      0,
    );
  const total = weight('Pass') + weight('Fail') + weight('Inconclusive');
  const share = (part: number) => Math.round((1000 * part) / total) / 10;
  const present = share(weight('Pass'));
  const { pass, marginal = pass } = score;
  const said = `score ${present} of 100`;
  const messages = (verdict: Verdict, sentence: string): Overall => ({
    verdict,
    messages: [sentence, ...(verdict === 'Pass' ? [] : [...saying('Fail'), ...waiting])],
    score: present,
  });
  if (stepIsOver && share(weight('Pass') + weight('Inconclusive')) < marginal) {
    return messages('Fail', `${said}, below ${marginal}`);
  }
  if (waiting.length > 0) return messages('Inconclusive', `${said} so far`);
  return present >= pass
    ? messages('Pass', `${said}, at least ${pass}`)
    : messages('Inconclusive', `${said}, below ${pass}`);
}
