import type { CanaryReleaseStatus } from '../../../src/api/index.ts';
import type { Env } from '../scenarios/context.ts';
import { expect } from '../scenarios/context.ts';
import type { Chaos } from './chaos.ts';

export const BAD: Env = { ERROR_RATE: '0.3' };

/** Waits until this version is out and stable. */
export function promoted(
  { context }: Chaos,
  version: string,
  limitMs = 120_000,
): Promise<CanaryReleaseStatus> {
  return context.until(
    `${version} is promoted`,
    ({ phase, history }) =>
      phase === 'Healthy' && history?.[0]?.outcome === 'Promoted' && history[0].version === version,
    limitMs,
  );
}

/** Waits until this version is taken back for good, and checks why. */
export async function rolledBack(
  { context }: Chaos,
  version: string,
  reasons: readonly string[],
  limitMs = 120_000,
): Promise<CanaryReleaseStatus> {
  const status = await context.until(
    `${version} is rolled back`,
    ({ phase, history }) => phase === 'RolledBack' && history?.[0]?.version === version,
    limitMs,
  );
  expect(
    `${version} is rolled back by ${reasons.join(' or ')}`,
    reasons.includes(status.rejected?.reason ?? ''),
    status.rejected,
  );
  return status;
}

/** A further version goes out, and is aborted at its first step: what was broken must not have left anything broken. */
export async function abortedAfterwards(
  chaos: Chaos,
  version: string,
  spec: Record<string, unknown> = {},
): Promise<void> {
  await begun(chaos, version, 5, {}, spec);
  await chaos.abort();
  await rolledBack(chaos, version, ['Aborted'], 30_000);
}

/** Lets this version go out, and waits until it has this weight and its window is open. */
export async function begun(
  { context }: Chaos,
  version: string,
  weight: number,
  env: Env = {},
  spec: Record<string, unknown> = {},
): Promise<CanaryReleaseStatus & { candidateRevision: string; stableRevision: string }> {
  await context.apply(context.manifest(version, env, spec));
  const { generation = 0 } = (await context.release()).metadata;
  const status = await context.until(
    `${version} is at ${weight}%`,
    ({ step, observedGeneration = 0 }) =>
      observedGeneration >= generation && step?.observedWeight === weight && step.observedAt !== undefined,
    90_000,
  );
  const { candidateRevision = '', stableRevision = '' } = status;
  return { ...status, candidateRevision, stableRevision };
}
