import type { Mutant } from '../mutant.ts';

/** Routes, and the pods behind them. */
export const TRAFFIC: readonly Mutant[] = [
  {
    name: 'weights-reset-on-drift',
    sentence: 'Routes that somebody edited are set back to 100 to 0, and the release climbs anew.',
    peer: 'Flagger #1715, #1175, #1504, #1857: the VirtualService is rewritten to 100/0 on any drift',
    file: 'core/effects.ts',
    find: '  const present = routed(observed, candidate);\n  return step.weight',
    replace: `  const present = routed(observed, candidate);
  if (present > 0 && isBegun(step) && step.interruptions !== undefined && present !== step.weight) return 0;
  return step.weight`,
  },
  {
    name: 'weight-before-pods',
    sentence: 'The weight rises before the candidate has the pods for it.',
    peer: 'Flagger #773: requests fail with 503 while pods are missing',
    file: 'core/effects.ts',
    find: '  return staffed && isMeasured(status, observed) && shortBaseline',
    replace: '  return isMeasured(status, observed) && shortBaseline',
  },
  {
    name: 'traffic-to-unready-candidate',
    sentence: 'A candidate that has lost its last ready pod keeps its traffic.',
    file: 'core/effects.ts',
    find: '  if (candidate === undefined || step === undefined || !isReady(observed, candidate)) return 0;',
    replace: '  if (candidate === undefined || step === undefined) return 0;',
  },
  {
    name: 'rollback-to-nothing',
    sentence: 'Traffic goes back to stable even when it has no ready pod and the candidate has.',
    peer: 'Flagger #1898, #1932: traffic goes to a primary that is broken',
    file: 'core/effects.ts',
    find: '  if (gains && cannotTakeOver(stable, observed)) return undefined;',
    replace: '',
  },
  {
    name: 'no-stand-in',
    sentence: 'When stable loses all its pods its traffic stays with it, though the candidate could serve.',
    file: 'core/effects.ts',
    find: '  if (standIn !== undefined) return { [standIn]: 100 };',
    replace: '',
  },
  {
    name: 'no-stand-in-on-the-way-to-all',
    sentence:
      'A candidate that waits for its last pods before 100% does not stand in for a stable that has none.',
    file: 'core/effects.ts',
    find: '  if (replicas === 0 || observed.problems.length > 0) return undefined;',
    replace: '  if (replicas === 0 || observed.problems.length > 0 || step.weight === 100) return undefined;',
  },
  {
    name: 'subset-removed-first',
    sentence: 'A subset is taken away before the route that names it.',
    peer: 'Argo Rollouts #4195: 503 NoClusterFound at the end and on abort',
    file: 'traffic/istio/router.ts',
    find: `  if (!isLeaving && (rule === undefined || named.some((subset) => !present.includes(subset)))) {
    return { kind: 'apply', object: destinationRule(release, needed) };`,
    replace: `  if (!isLeaving && (rule === undefined || [...named].sort().join() !== [...present].sort().join())) {
    return { kind: 'apply', object: destinationRule(release, [...named].sort()) };`,
  },
  {
    name: 'route-before-subset',
    sentence: 'The first routes name a subset before it is there.',
    peer: 'Argo Rollouts #2507: downtime on the first deployment',
    file: 'traffic/istio/router.ts',
    find: '  if (!isLeaving && (rule === undefined || named.some((subset) => !present.includes(subset)))) {',
    replace: `  if (service === undefined && rule === undefined)
    return { kind: 'apply', object: virtualService(release, desired.weights) };
  if (!isLeaving && (rule === undefined || named.some((subset) => !present.includes(subset)))) {`,
  },
  {
    name: 'rollback-behind-a-conflict',
    sentence: "A rollback waits until a DestinationRule is there, though somebody else's has its name.",
    peer: 'Argo Rollouts #4626, #4128, #4839: a traffic error comes before the abort',
    file: 'traffic/istio/router.ts',
    find: 'const isLeaving = rule === undefined && service !== undefined && desired.urgent;',
    replace: 'const isLeaving = false;',
  },
  {
    name: 'rule-deleted-before-routes',
    sentence: 'When a release is deleted, its DestinationRule goes before the VirtualService that needs it.',
    file: 'traffic/istio/router.ts',
    find: 'const object = owned(release, live.virtualService) ?? owned(release, live.destinationRule);',
    replace: 'const object = owned(release, live.destinationRule) ?? owned(release, live.virtualService);',
  },
  {
    name: 'pods-removed-at-once',
    sentence: 'Pods of a version that went out are removed at once, while proxies still send to them.',
    peer: 'Argo Rollouts #3681: the old version is scaled down while it has traffic',
    file: 'core/effects.ts',
    find: 'isDue(retired) && hasPods(observed, retired.revision)',
    replace: 'hasPods(observed, retired.revision)',
  },
  {
    name: 'pods-of-the-failing-removed-first',
    sentence: 'The pods of a version that was given up are removed before its traffic.',
    peer: 'Argo Rollouts #4195: pods go before the routes',
    file: 'core/effects.ts',
    find: '  if (candidate === undefined || step === undefined || ending !== undefined) return undefined;\n  const weight',
    replace: `  if (candidate === undefined || step === undefined) return undefined;
  if (ending !== undefined) return deployment(candidate, 0, observed);
  const weight`,
  },
  {
    name: 'concluded-before-the-mesh',
    sentence: 'A release is over, and its pods go, before the mesh has taken the traffic away.',
    file: 'core/lifecycle.ts',
    find: '  if (!observed.traffic.effective && now < latestEnd(ending, observed)) return status;',
    replace: '',
  },
  {
    name: 'drift-of-weights-kept',
    sentence: 'Weights that somebody edited in mid-release stay as they are.',
    file: 'core/effects.ts',
    find: '    sameWeights(traffic.weights, weights) &&',
    replace: '    (sameWeights(traffic.weights, weights) || status.step?.interruptions !== undefined) &&',
  },
  {
    name: 'drift-of-routes-kept',
    sentence: 'Hosts that the manifest changes are not changed in the routes.',
    file: 'core/effects.ts',
    find: '    !traffic.drifted &&\n',
    replace: '',
  },
  {
    name: 'service-not-made-again',
    sentence: 'A Service that somebody deleted is not made again.',
    file: 'core/effects.ts',
    find: `  if (observed.service === 'absent' || observed.service === 'drifted')`,
    replace: `  if ((observed.service === 'absent' && status.stableRevision === undefined) || observed.service === 'drifted')`,
  },
  {
    name: 'autoscaler-not-followed',
    sentence: 'Pods that an autoscaler wants no more are kept.',
    peer: 'Flagger #1209, #1563: the autoscaler drifts',
    file: 'core/effects.ts',
    find: `workload.replicas === observed.spec.replicas)
    return undefined;
  return { kind: 'scaleDeployment', revision: stable, replicas: observed.spec.replicas };
}

function buildUp(status: CanaryReleaseStatus, observed: Observed, now: number): Effect | undefined {
  if (observed.service === 'absent' || observed.service === 'drifted') return { kind: 'applyService' };
  return (
    deployment(status.stableRevision, observed.spec.replicas, observed) ??`,
    replace: `workload.replicas >= observed.spec.replicas)
    return undefined;
  return { kind: 'scaleDeployment', revision: stable, replicas: observed.spec.replicas };
}

function buildUp(status: CanaryReleaseStatus, observed: Observed, now: number): Effect | undefined {
  if (observed.service === 'absent' || observed.service === 'drifted') return { kind: 'applyService' };
  const least = Math.max(observed.spec.replicas, observed.workloads[status.stableRevision ?? '']?.replicas ?? 0);
  return (
    deployment(status.stableRevision, least, observed) ??`,
  },
  {
    name: 'weights-of-99',
    sentence: 'Stable’s weight is rounded down.',
    file: 'core/effects.ts',
    find: '{ [stable]: 100 - share, [candidate]: share };',
    replace: '{ [stable]: 99 - share, [candidate]: share };',
  },
];
