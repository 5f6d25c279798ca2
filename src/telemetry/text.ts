import type { EventMetric } from '../analysis/telemetry.ts';

const MOST_SENTENCES = 3;
const LONGEST_EXCERPT = 200;

/** A few sentences in full, and how many more there are. */
export function sentences(all: readonly string[]): string {
  const more = all.length - MOST_SENTENCES;
  return all.slice(0, MOST_SENTENCES).join(' ') + (more > 0 ? ` And ${more} more of the kind.` : '');
}

/** What somebody else wrote, on one line and short enough for a status, without a full stop. */
export function excerpt(text: string): string {
  const line = text
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .replace(/\.$/, '');
  return line.length > LONGEST_EXCERPT ? `${line.slice(0, LONGEST_EXCERPT)}…` : line;
}

/** Says that a latency bound can't be told from the buckets. */
export function unknowableSentence(name: string, metrics: readonly EventMetric[]): string {
  const metric = metrics.find((one) => one.name === name);
  const bound = metric?.kind === 'slow' ? `${metric.slowerThanMs} ms` : 'its bound';
  return `Metric ${name} can't be counted: ${bound} lies above the highest bucket edge of the proxies' histograms; lower the bound, or give the proxies higher buckets.`;
}
