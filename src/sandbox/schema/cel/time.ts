import { fault } from './functions.ts';
import { Duration } from '@marcbachmann/cel-js/evaluator';

/** What the library calls the type `timestamp`. */
export const TIMESTAMP = 'google.protobuf.Timestamp';
/** What the library calls the type `duration`. */
export const DURATION = 'google.protobuf.Duration';

/** RFC 3339 without superfluous zeros. */
export function showTime(time: Date): string {
  return time.toISOString().replace(/\.?0*Z$/, 'Z');
}

/** `90s`, `0.5s`. */
export function showDuration(duration: Duration): string {
  const nanos = Math.abs(duration.nanos);
  const fraction = nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;
  const seconds = duration.seconds === 0n && duration.nanos < 0 ? '-0' : String(duration.seconds);
  return `${seconds}${fraction}s`;
}

const GO_DURATION = /^[+-]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

/** True for `1h30m`, `-1.5s`, `0`: what Go's time.ParseDuration reads. */
export function isGoDuration(text: string): boolean {
  return GO_DURATION.test(text);
}

/** The rules' `duration(string)`. */
export function goDuration(text: string): Duration {
  const duration = isGoDuration(text) ? parseDuration(text) : undefined;
  if (duration === undefined)
    throw fault("type conversion error from 'string' to 'google.protobuf.Duration'");
  return duration;
}

const NANOS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  micro: 1e3,
  ms: 1e6,
  milli: 1e6,
  s: 1e9,
  sec: 1e9,
  m: 6e10,
  min: 6e10,
  h: 3.6e12,
  hr: 3.6e12,
  d: 8.64e13,
  w: 6.048e14,
  wk: 6.048e14,
};
// Longer words such as "seconds" count by how they begin.
const STEMS: Readonly<Record<string, number>> = {
  nano: 1,
  micro: 1e3,
  milli: 1e6,
  sec: 1e9,
  min: 6e10,
  hour: 3.6e12,
  day: 8.64e13,
  week: 6.048e14,
};

/** A string of format `duration`, Go's or Scala's way: `1h30m`, `2 days`. Undefined for what is none. */
export function parseDuration(text: string): Duration | undefined {
  const negative = text.startsWith('-');
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-zµμ]+)/g)];
  if (parts.length === 0) return /^[+-]?0$/.test(text) ? new Duration(0n) : undefined;
  let nanos = 0n;
  for (const [, number = '', unit = ''] of parts) {
    const lower = unit.toLowerCase();
    const stem = Object.keys(STEMS).find((prefix) => lower.startsWith(prefix));
    const factor = NANOS[lower] ?? (stem === undefined ? undefined : STEMS[stem]);
    if (factor === undefined) return undefined;
    nanos += BigInt(Math.round(Number(number) * factor));
  }
  const signed = negative ? -nanos : nanos;
  return new Duration(signed / 1_000_000_000n, Number(signed % 1_000_000_000n));
}
