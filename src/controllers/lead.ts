import { randomUUID } from 'node:crypto';
import type { Clock } from '../kube/clock.ts';
import { LeaderElector } from '../kube/leader-election.ts';
import { type ApiClient, ApiError } from '../kube/types.ts';
import type { Flags } from './flags.ts';
import type { OperatorMetrics } from './metrics.ts';

/** Who may write, and when. */
export interface Leadership {
  /** @throws ApiError when this process does not surely hold the lease at this very moment */
  readonly assertLeader: () => void;
  /** Works while it leads, until the signal aborts or the lease is lost. */
  run(
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<'released' | 'lost' | 'never led'>;
}

/** Who a process is to the others that would lead. */
export interface Identity {
  /** No other process has it. */
  readonly identity: string;
  /** True of the identity of an earlier process that has certainly ended. */
  readonly hasEnded: (identity: string) => boolean;
}

/**
 * The identity of a new process of this host. In a pod whose uid is known, every earlier process of the same pod has ended:
 * a kubelet starts a container again only then. Such a one need not wait for the end of the lease that was its own, which
 * takes 15 s in which nobody would take back a failing version.
 */
export function newIdentity(host: string, podUid: string | undefined): Identity {
  const pod = podUid === undefined || podUid === '' ? undefined : `${host}-${podUid}-`;
  return {
    identity: `${pod ?? `${host}-`}${randomUUID()}`,
    hasEnded: (identity) => pod !== undefined && identity.startsWith(pod),
  };
}

export interface LeadOptions {
  readonly flags: Pick<Flags, 'leaderElect' | 'leaderElectionNamespace'>;
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly identity: string;
  /** As in {@link Identity}; by default every other process may be running. */
  readonly hasEnded?: Identity['hasEnded'];
  readonly metrics: OperatorMetrics;
  readonly onError: (error: unknown, where: string) => void;
  readonly random?: () => number;
}

/** Leadership by a Lease, or, without `--leader-elect`, of the only process that there is. */
export function lead(options: LeadOptions): Leadership {
  const { flags, client, clock, identity, hasEnded, metrics, onError, random = Math.random } = options;
  if (!flags.leaderElect) {
    return {
      assertLeader: () => undefined,
      run: async (signal, work) => {
        metrics.leader.set(1);
        await work(signal);
        return 'released';
      },
    };
  }
  let elector: LeaderElector | undefined;
  return {
    assertLeader: () => {
      if (elector?.isLeader() === true) return;
      throw new ApiError(0, 'NotLeader', 'this process does not hold the lease: nothing is written');
    },
    run: (signal, work) => {
      elector = new LeaderElector({
        client,
        clock,
        namespace: flags.leaderElectionNamespace,
        name: 'songbird',
        identity,
        hasEnded,
        random,
        onStartedLeading: (leading) => {
          metrics.leader.set(1);
          return work(leading);
        },
        onStoppedLeading: () => {
          metrics.leader.set(0);
        },
        onError: (error) => {
          onError(error, 'leader election');
        },
      });
      return elector.run(signal);
    },
  };
}
