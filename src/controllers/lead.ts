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

export interface LeadOptions {
  readonly flags: Pick<Flags, 'leaderElect' | 'leaderElectionNamespace'>;
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly identity: string;
  readonly metrics: OperatorMetrics;
  readonly onError: (error: unknown, where: string) => void;
  readonly random?: () => number;
}

/** Leadership by a Lease, or, without `--leader-elect`, of the only process that there is. */
export function lead(options: LeadOptions): Leadership {
  const { flags, client, clock, identity, metrics, onError, random = Math.random } = options;
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
