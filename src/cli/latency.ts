import { durationMs } from '../api/index.ts';
import { UsageError } from './usage.ts';

/** How long requests take: log-normal, known by its median and its 99th percentile (ms). */
export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const DURATION = /^([0-9]+([.][0-9]+)?(ms|s|m|h))+$/;
/** The standard normal's 99th percentile. */
const Z99 = 2.3263;

/** Reads `40ms/300ms`: median and 99th percentile. @throws UsageError for anything else */
export function parseLatency(text: string): Latency {
  const [p50 = '', p99 = '', ...more] = text.split('/');
  if (more.length === 0 && DURATION.test(p50) && DURATION.test(p99)) {
    const latency = { p50Ms: durationMs(p50), p99Ms: durationMs(p99) };
    if (latency.p50Ms > 0 && latency.p99Ms > latency.p50Ms) return latency;
  }
  throw new UsageError(
    `--latency must be the median and the 99th percentile, such as 40ms/300ms, not ${JSON.stringify(text)}`,
  );
}

/** The share (0–1) of requests that take longer than `boundMs`. */
export function slowerThan(boundMs: number, { p50Ms, p99Ms }: Latency): number {
  const sigma = Math.log(p99Ms / p50Ms) / Z99;
  return normalTail(Math.log(boundMs / p50Ms) / sigma);
}

/** The chance that a standard normal exceeds `z` (Abramowitz and Stegun 26.2.17; error below 7.5e-8). */
function normalTail(z: number): number {
  if (z < 0) return 1 - normalTail(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const polynomial =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
}
