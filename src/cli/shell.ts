import type { ParseArgsOptionsConfig } from 'node:util';
import type { Clock } from '../kube/clock.ts';
import type { ApiClient } from '../kube/types.ts';
import type { Output } from './output.ts';

/** Which cluster, as a person says it on the command line; what is left out is as kubectl has it. */
export interface Where {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
}

export interface Cluster {
  readonly client: ApiClient;
  /** The one that is asked for, or that of the context. */
  readonly namespace: string;
}

/** What commands need of the world. */
export interface Shell {
  readonly output: Output;
  /** @throws UsageError where no cluster is known */
  readonly connect: (where: Where) => Promise<Cluster>;
  readonly clock: Clock;
  /** Aborts when the person wants an end. */
  readonly stopping: AbortSignal;
}

/** Exit statuses that scripts go by. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  rolledBack: 3,
  timeout: 4,
} as const;

/** Options of every command that asks a cluster. */
export const CLUSTER_OPTIONS = {
  namespace: { type: 'string', short: 'n' },
  context: { type: 'string' },
  kubeconfig: { type: 'string' },
} as const satisfies ParseArgsOptionsConfig;

export const CLUSTER_HELP = `  -n, --namespace NS   another namespace than that of the context
  --context NAME       another context of the kubeconfig
  --kubeconfig FILE    another kubeconfig than KUBECONFIG or ~/.kube/config`;
