import type { ContainerStatus, Deployment, Pod, Problem } from '../api/index.ts';

/** True when a pod serves: Ready, and not on its way out. */
export function isReady(pod: Pod): boolean {
  return (
    pod.metadata.deletionTimestamp === undefined &&
    (pod.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True')
  );
}

/** True when a pod's proxy may answer: the pod is ready, or it runs without being so, as one that is on its way out. */
export function mayAnswer(pod: Pod): boolean {
  return isReady(pod) || pod.status?.phase === 'Running';
}

const IMAGE_REASONS = new Set(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull']);
const CONFIG_REASONS = new Set(['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError']);

/** Why pods of a revision don't start, where someone has to mend it; the first reason found. */
export function startProblem(pods: readonly Pod[], deployment: Deployment | undefined): Problem | undefined {
  for (const pod of pods) {
    const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
    for (const status of statuses) {
      const message = containerProblem(pod, status);
      if (message !== undefined) return { reason: 'PodsNotStarting', message };
    }
  }
  const refused = deployment?.status?.conditions?.find(
    ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
  );
  if (refused === undefined) return undefined;
  const message = `pods of Deployment ${deployment?.metadata.name ?? ''} are refused: ${refused.message ?? refused.reason ?? ''}`;
  return { reason: 'PodsNotStarting', message };
}

function containerProblem(
  pod: Pod,
  { name, image, state, lastState, restartCount }: ContainerStatus,
): string | undefined {
  const waiting = state?.waiting;
  const reason = waiting?.reason ?? '';
  const field = `spec.template.spec.containers[name=${name}]`;
  const detail = waiting?.message === undefined ? reason : `${reason}: ${waiting.message}`;
  if (IMAGE_REASONS.has(reason)) {
    return `${field}.image: ${image ?? 'the image'} cannot be pulled (${detail}); set an image that exists and that the nodes may pull`;
  }
  if (CONFIG_REASONS.has(reason)) {
    return `${field} cannot start (${detail}); make what it refers to, or mend the reference`;
  }
  if (reason === 'CrashLoopBackOff') {
    const exit = lastState?.terminated?.exitCode;
    const code = exit === undefined ? '' : ` with exit code ${exit}`;
    return `${field} keeps crashing${code} (${restartCount ?? 0} restarts); see kubectl logs ${pod.metadata.name} -c ${name} --previous, and mend spec.template`;
  }
  return undefined;
}
