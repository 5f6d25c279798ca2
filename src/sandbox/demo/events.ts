import type { Verdict } from '../../api/index.ts';
import type { Count } from './load.ts';

/** What became of one release. */
export interface ReleaseResult {
  readonly version: string;
  /** Share of requests that this version was made to fail. */
  readonly errorRate: number;
  /** The release's last phase: `Healthy` or `RolledBack`. */
  readonly outcome: string;
  /** The weights that the new version had at the API server, in order. */
  readonly weights: readonly number[];
  /** Requests that users sent from the new manifest to the outcome, and how many of them failed. */
  readonly requests: number;
  readonly failed: number;
  /** What the failures were, and how often. */
  readonly causes: Readonly<Record<string, number>>;
  /** From the new manifest to the outcome. */
  readonly ms: number;
  /** From the first failed request to weight 0; undefined where either never was. */
  readonly rollbackMs: number | undefined;
  /** Why it ended as it did, in the operator's words. */
  readonly reason: string;
}

export interface DemoResult {
  readonly good: ReleaseResult;
  readonly bad: ReleaseResult;
}

/** What the demo tells while it runs; `--json` prints these as they are, with the time. */
export type DemoEvent =
  | { event: 'starting' }
  | { event: 'dashboard'; url: string }
  | { event: 'started'; kubeconfig: string; frontPort: number; requestsPerSecond: number }
  | { event: 'applied'; version: string; image: string; errorRate: number }
  | { event: 'phase'; phase: string; message: string }
  | { event: 'weights'; weights: Record<string, number> }
  | { event: 'verdict'; verdict: Verdict; message: string }
  | {
      event: 'progress';
      phase: string;
      weights: Record<string, number>;
      requests: number;
      failed: number;
      versions: Record<string, Count>;
    }
  | ({ event: 'ended' } & ReleaseResult)
  | { event: 'failed'; message: string; operatorLog: string | undefined };

/** The last line of `--json`. */
export function resultLine({ good, bad }: DemoResult): string {
  const inSeconds = (ms: number | undefined) => (ms === undefined ? null : Math.round(ms / 10) / 100);
  return JSON.stringify({
    good: {
      outcome: good.outcome,
      weights: good.weights,
      requests: good.requests,
      failed: good.failed,
      seconds: inSeconds(good.ms),
    },
    bad: {
      outcome: bad.outcome,
      weights: bad.weights,
      requests: bad.requests,
      failed: bad.failed,
      secondsToRollback: inSeconds(bad.rollbackMs),
      reason: bad.reason,
    },
  });
}

/** True when everything went as it should: what the exit status says. */
export function isSuccess({ good, bad }: DemoResult): boolean {
  return good.outcome === 'Healthy' && good.failed === 0 && bad.outcome === 'RolledBack';
}
