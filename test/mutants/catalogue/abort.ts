import type { Mutant } from '../mutant.ts';

/** What keeps a failing version from being taken back at once. */
export const ABORT: readonly Mutant[] = [
  {
    name: 'abort-after-refused-write',
    sentence: 'After a write was refused the release is left alone for 20 s: nobody aborts meanwhile.',
    peer: 'Argo Rollouts #4626, #4128, #4839, #4319: a traffic error exits before the abort',
    file: 'controllers/canary-release/controller.ts',
    find: '    const gathered = await this.#gather(key, this.#unwritten.over(key, object));',
    replace: `    const stuck = this.#refused.get(key);
    const until = (stuck?.at ?? 0) + 20_000;
    if (stuck !== undefined && clock.now() >= stuck.at && clock.now() < until) return { at: until };
    const gathered = await this.#gather(key, this.#unwritten.over(key, object));`,
  },
  {
    name: 'abort-after-telemetry-error',
    sentence: 'While counts cannot be read, the pass ends before it obeys commands or looks at the template.',
    peer: 'Argo Rollouts PR #4962: an error before the status step, for the third time',
    file: 'controllers/canary-release/controller.ts',
    find: `    const timeSkipped = this.#watched.isSkipped(key, analysed.status.step?.observedAt);`,
    replace: `    if (analysed.telemetry.state === 'failing') throw new Error(analysed.telemetry.problem.message);
    const timeSkipped = this.#watched.isSkipped(key, analysed.status.step?.observedAt);`,
  },
  {
    name: 'readiness-before-abort',
    sentence:
      'A candidate none of whose pods is ready is waited for before anything else, an abort included.',
    peer: 'Flagger #1932: an unready candidate returns early',
    file: 'core/giving-up.ts',
    find: `  if (candidate === undefined) return status;
  const wanted =`,
    replace: `  if (candidate === undefined || (observed.workloads[candidate]?.ready ?? 0) === 0) return status;
  const wanted =`,
  },
  {
    name: 'abort-waits-for-all-of-stable',
    sentence: 'Traffic goes back only when every pod of stable is ready, not as soon as one is.',
    peer: 'Argo Rollouts PR #3878: the abort waits for 100% stable availability',
    file: 'core/effects.ts',
    find: 'return observed.spec.replicas > 0 && !isReady(observed, revision) && isServed(observed);',
    replace:
      'return (observed.workloads[revision]?.ready ?? 0) < observed.spec.replicas && isServed(observed);',
  },
  {
    name: 'capacity-before-abort',
    sentence: 'Pods are scaled before traffic is taken from a failing version.',
    peer: 'Flagger #1898: scaling events come before the rollback',
    file: 'core/effects.ts',
    find: `    withdraw(status, observed) ??
    finalizer(observed) ??
    stableCapacity(status, observed) ??
    (observed.problems.length > 0 ? undefined : buildUp(status, observed, now)) ??`,
    replace: `    finalizer(observed) ??
    stableCapacity(status, observed) ??
    candidateDeployment(status, observed) ??
    withdraw(status, observed) ??
    (observed.problems.length > 0 ? undefined : buildUp(status, observed, now)) ??`,
  },
  {
    name: 'mistake-blocks-abort',
    sentence: 'While the manifest has a mistake nothing is written, a rollback neither.',
    file: 'core/effects.ts',
    find: '    withdraw(status, observed) ??\n    finalizer',
    replace: '    (observed.problems.length > 0 ? undefined : withdraw(status, observed)) ??\n    finalizer',
  },
  {
    name: 'paused-is-not-judged',
    sentence: 'A paused release is not looked at until somebody resumes it.',
    file: 'core/giving-up.ts',
    find: '  if (wanted !== candidate) return replaceCandidate(status, observed, now);',
    replace: `  if (status.paused !== undefined) return status;
  if (wanted !== candidate) return replaceCandidate(status, observed, now);`,
  },
  {
    name: 'failure-ignored',
    sentence: 'The verdict Fail only keeps a release from going on; the deadline ends it.',
    file: 'core/giving-up.ts',
    find: `  if (observed.analysis?.verdict === 'Fail' && status.promotion !== 'full') {`,
    replace: `  if (observed.analysis?.verdict === 'Fail' && status.promotion === 'step') {`,
  },
  {
    name: 'abort-not-urgent-after-refusal',
    sentence: 'An abort that is refused once is tried again only after a minute.',
    file: 'controllers/canary-release/controller.ts',
    find: 'const RETRY_URGENT_MS = 1000;',
    replace: 'const RETRY_URGENT_MS = 60_000;',
  },
  {
    name: 'backoff-of-minutes',
    sentence: 'After errors a release is looked at ever more seldom, in the end every five minutes.',
    file: 'controllers/operator.ts',
    find: 'const LONGEST_BACKOFF_MS = 1500;',
    replace: 'const LONGEST_BACKOFF_MS = 300_000;',
  },
  {
    name: 'stand-in-after-giving-up',
    sentence: 'A version that was given up takes all traffic when stable loses its pods.',
    file: 'core/effects.ts',
    find: 'step === undefined || ending !== undefined)\n    return undefined;\n  const { replicas }',
    replace: 'step === undefined)\n    return undefined;\n  const { replicas }',
  },
  {
    name: 'retry-by-itself',
    sentence: 'A revision that was rolled back goes out again by itself.',
    file: 'core/progress.ts',
    find: '  return isRejected ? status : begin(status, observed, now);',
    replace: '  return isRejected && status.ending !== undefined ? status : begin(status, observed, now);',
  },
  {
    name: 'template-change-ignored',
    sentence: 'A template that changes in mid-release is not looked at until the release is over.',
    file: 'core/giving-up.ts',
    find: '  if (wanted !== candidate) return replaceCandidate(status, observed, now);',
    replace: '  if (wanted !== candidate) return status;',
  },
  {
    name: 'next-candidate-goes-on',
    sentence: 'A new template in mid-release goes on at the weight that the last candidate had reached.',
    file: 'core/giving-up.ts',
    find: '  return observed.target === stable\n    ? end(',
    replace: `  const { step } = status;
  if (observed.target !== stable && step !== undefined && status.ending === undefined)
    return { ...begin(status, observed, now), step };
  return observed.target === stable\n    ? end(`,
  },
];
