import { z } from 'zod';
import { type Rule, matching, ruled } from './rules.ts';

const DURATION_UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

// Eight digits a unit: longer ones would leave the range of dates.
const DURATION = /^([0-9]{1,8}([.][0-9]+)?(ms|s|m|h))+$/;

/**
 * A length of time as Go and Kubernetes write it: `500ms`, `90s`, `2m`, `1h30m`.
 * @param positiveField the field's path, where a length of zero makes no sense
 */
export function durationField(positiveField?: string) {
  const rules: Rule<string>[] = [
    {
      cel: `self.matches('${DURATION.source}')`,
      check: (text) => DURATION.test(text),
      message: 'write a length of time as a number with its unit: 500ms, 90s, 2m or 1h30m',
    },
  ];
  if (positiveField !== undefined) {
    rules.push({
      cel: `self.matches('[1-9]') || !self.matches('${DURATION.source}')`,
      check: (text) => /[1-9]/.test(text) || !DURATION.test(text),
      message: `${positiveField} must be more than zero`,
    });
  }
  return ruled(z.string().max(32), {}, rules);
}

/** Whole milliseconds of a duration such as `1h30m`. The text must have passed {@link durationField}'s rule. */
export function durationMs(text: string): number {
  return Math.round(exactMs(text));
}

/** The same with fractions: 0.2 for `0.2ms`. */
export function exactMs(text: string): number {
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)(ms|s|m|h)/g)) {
    total += Number(amount) * DURATION_UNITS_MS[unit as keyof typeof DURATION_UNITS_MS];
  }
  return total;
}

/** Writes ms for people: `850ms`, `42s`, `1m30s`, `2h`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const seconds = Math.round(ms / 1000);
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'm'],
    [seconds % 60, 's'],
  ] as const;
  return parts
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join('');
}

/** A share written as a percentage: `1%`, `0.5%`, `100%`. */
export function percentField() {
  return matching(
    /^(100([.]0+)?|[0-9]{1,2}([.][0-9]+)?)%$/,
    16,
    'write a share as a percentage between 0% and 100%, such as 1% or 0.5%',
  );
}

/** The proportion (0–1) of a percentage such as `0.5%`. */
export function proportion(percent: string): number {
  return Number(percent.slice(0, -1)) / 100;
}

/** Writes a proportion (0–1) as a percentage with as many digits as it needs: `0.05%`, `1%`, `29.8%`. */
export function formatPercent(share: number): string {
  const percent = share * 100;
  return `${Number(percent.toPrecision(percent >= 10 ? 3 : 2))}%`;
}
