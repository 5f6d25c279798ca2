import { durationMs } from '../api/index.ts';

/** The command cannot be carried out as it was given; the message tells the user why and what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A positive number of the command line. @throws UsageError that names the option */
export function positive(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new UsageError(`--${option} must be a number above 0, not ${JSON.stringify(text)}`);
}

/** A share (0–1) of the command line, written as a percentage. @throws UsageError that names the option */
export function share(option: string, text: string): number {
  const value = /^[0-9.]+%$/.test(text) ? Number(text.slice(0, -1)) / 100 : NaN;
  if (value >= 0 && value <= 1) return value;
  throw new UsageError(`--${option} must be a percentage such as 0.1%, not ${JSON.stringify(text)}`);
}

const DAY_MS = 86_400_000;

/** A length of time of the command line in ms: `90m`, `12h`, `7d`. @throws UsageError that names the option */
export function period(option: string, text: string): number {
  const [, days] = /^([0-9]{1,4})d$/.exec(text) ?? [];
  const ms =
    days === undefined && /^([0-9]+(ms|s|m|h))+$/.test(text) ? durationMs(text) : Number(days) * DAY_MS;
  if (ms > 0) return ms;
  throw new UsageError(
    `--${option} must be a length of time such as 90m, 12h or 7d, not ${JSON.stringify(text)}`,
  );
}

/** One of the words that an option may have. @throws UsageError that names them */
export function oneOf<T extends string>(option: string, text: string, words: readonly T[]): T {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw new UsageError(`--${option} must be ${words.join(' or ')}, not ${JSON.stringify(text)}`);
}

/** `-o`, of commands that print for programs as well. */
export const OUTPUT_OPTION = { output: { type: 'string', short: 'o' } } as const;

/** The form that `-o` asks for; undefined where people read. @throws UsageError that names those that there are */
export function formatOf<T extends string>(asked: string | undefined, formats: readonly T[]): T | undefined {
  return asked === undefined ? undefined : oneOf('output', asked, formats);
}
