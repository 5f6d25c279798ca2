import type { Stored } from '../cluster/object.ts';

/** How the built-in kubelet plays a pod. Times in ms; what is absent is as for a healthy pod. */
export interface PodBehaviour {
  /** From being bound to a node to running. Default 0. */
  readonly startAfterMs?: number;
  /** From running to Ready; Infinity for a pod that never gets ready. Default 1000. */
  readonly readyAfterMs?: number;
  /** The containers don't start but wait with this reason, e.g. `ImagePullBackOff`. */
  readonly waitingReason?: string;
  readonly waitingMessage?: string;
  /** The containers end this long after their start, and are started again with growing delays. */
  readonly crash?: { readonly afterMs: number; readonly exitCode?: number };
  /** From a graceful deletion to the end. Default 0; the pod's own grace period is the longest. */
  readonly stopAfterMs?: number;
}

/** Says how a pod behaves; asked once, when the pod is bound to a node. */
export type PodBehaviourOf = (pod: Stored) => PodBehaviour;
