import type { PrometheusAddress } from '../../analysis/telemetry.ts';
import type { AnalysisStatus, Verdict } from '../../api/index.ts';
import { type Observed, ms } from '../../core/model.ts';
import type { EventSource } from '../../telemetry/values/events.ts';
import type { ValueReader } from '../../telemetry/values/reader.ts';
import type { TelemetrySource } from '../../analysis/telemetry.ts';
import type { Metrics } from './metrics.ts';

/** Whom the operator asks what requests experience. */
export interface TelemetryAccess {
  readonly sources: Readonly<Record<'proxies' | 'prometheus', TelemetrySource>>;
  readonly values: ValueReader;
  /** Counts events by queries of releases. */
  readonly events: EventSource;
  /** The operator's own setting, for releases that name no Prometheus. */
  readonly prometheusAddress: string | undefined;
}

/** The Prometheus to ask about a release; undefined where nobody named one. */
export function prometheusFor(
  access: TelemetryAccess,
  { prometheus }: Metrics,
): PrometheusAddress | undefined {
  const { prometheusAddress: address } = access;
  return prometheus ?? (address === undefined ? undefined : { address });
}

/** What a release in progress is about. */
export interface Progress {
  readonly candidate: string;
  readonly stable: string;
  /** False while no pod of the candidate is ready: what its pods have counted tells against it, and never for it. */
  readonly serves: boolean;
  readonly attempt: { readonly number: number; readonly startedAt: string };
  /** What status holds of this candidate. */
  readonly previous: AnalysisStatus | undefined;
  /** When the present weight was observed; undefined while it is not. */
  readonly windowFrom: string | undefined;
  /** Where the counts go on (ms since the epoch), and those by queries of the release. */
  readonly from: number;
  readonly queriedFrom: number;
}

/**
 * What there is to analyse; undefined while no candidate has served, or when it is on its way out. One that has lost its
 * last ready pod may have lost it by what is wrong with it.
 */
export function progressOf(observed: Observed, now: number): Progress | undefined {
  const {
    candidateRevision: candidate,
    stableRevision: stable,
    attempt,
    ending,
    analysis,
    step,
    promotion,
  } = observed.status;
  if (candidate === undefined || stable === undefined || attempt === undefined) return undefined;
  const { ready = 0, pods = 0 } = observed.workloads[candidate] ?? {};
  const previous = analysis?.revision === candidate ? notAhead(analysis, now) : undefined;
  const serves = ready > 0;
  const hasServed = serves || (pods > 0 && previous !== undefined);
  if (!hasServed || ending !== undefined || observed.deleting) return undefined;
  return {
    candidate,
    stable,
    serves,
    attempt,
    previous,
    // Nothing is measured for a release that goes to the end without analysis.
    windowFrom: promotion === 'full' ? undefined : step?.observedAt,
    from: Math.min(now, ms(previous?.through ?? attempt.startedAt)),
    queriedFrom: Math.min(now, ms(previous?.queriedThrough ?? attempt.startedAt)),
  };
}

/**
 * What is known, as of now: a clock that was set back, or another operator's that was fast, has left times in the status
 * that are still to come. Nothing is complete up to them, and what is counted meanwhile is not to wait for them.
 */
function notAhead(analysis: AnalysisStatus, now: number): AnalysisStatus {
  const { through, queriedThrough, completeThrough, stableThrough, ...rest } = analysis;
  const latest = (time: string) => new Date(Math.min(now, ms(time))).toISOString();
  const known = (field: string, time: string | undefined) =>
    time === undefined || ms(time) > now ? {} : { [field]: time };
  return {
    ...rest,
    through: latest(through),
    ...(queriedThrough === undefined ? {} : { queriedThrough: latest(queriedThrough) }),
    ...known('completeThrough', completeThrough),
    ...known('stableThrough', stableThrough),
  };
}

/** One Fail fails, and all must pass. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  return (['Fail', 'Inconclusive'] as const).find((one) => verdicts.includes(one)) ?? 'Pass';
}
