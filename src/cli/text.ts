import { type Step, durationMs, formatDuration, formatPercent } from '../api/index.ts';
import type { Frequency, Outcomes } from './forecast.ts';

/** `3 of 200 (0.51% to 4.3%)`: how often, and the 95% interval of its probability. */
export function often({ count, of, low, high }: Frequency): string {
  return `${count} of ${of} (${formatPercent(low)} to ${formatPercent(high)})`;
}

/** How many have no verdict at a deadline, and what becomes of them. */
export function undecidedText({ undecided, paused }: Outcomes): string {
  if (paused.count === 0) return `undecided, and taken back at a deadline: ${often(undecided)}`;
  const some = paused.count === undecided.count ? '' : `, ${paused.count} of them`;
  return `undecided${some}, and paused for a person: ${often(undecided)}`;
}

export function time(seconds: number): string {
  return formatDuration(seconds * 1000);
}

/** With as many digits as say something. */
export function rounded(count: number): string {
  return count >= 10 ? String(Math.round(count)) : String(Number(count.toPrecision(2)));
}

export function stepText({ weight, for: dwell, pause }: Step): string {
  const watched = dwell === undefined ? '' : ` for ${formatDuration(durationMs(dwell))}`;
  return `${weight}%${watched}${pause === true ? ', pause' : ''}`;
}
