import type { ApiRequest, ApiResult } from '../../sandbox/index.ts';
import { Cluster, type ClusterOptions } from '../../sandbox/index.ts';
import type { KubeObject } from '../../kube/types.ts';

/** A change of one object as the API server accepted it, and who asked for it. */
export interface Write {
  /** When (ms of the world's monotonic clock). */
  readonly at: number;
  readonly user: string;
  /** What led to it; undefined for what the API server does by itself. */
  readonly request: ApiRequest | undefined;
  /** As in `deployments.apps`. */
  readonly table: string;
  readonly key: string;
  readonly before: KubeObject | undefined;
  readonly after: KubeObject | undefined;
}

/** A cluster that tells of everything that happens in it, at the moment when it happens. */
export class TrueCluster extends Cluster {
  /** The request that is being carried out. */
  current: ApiRequest | undefined;

  constructor(options: ClusterOptions, told: (write: Write) => void) {
    super(options);
    const { store, clock } = this.core;
    store.listen('', ({ table, key, before, after }) => {
      told({
        at: clock.monotonic(),
        user: this.current?.user ?? 'kube-apiserver',
        request: this.current,
        table,
        key,
        before,
        after,
      });
    });
  }

  override execute(request: ApiRequest): ApiResult {
    const outer = this.current;
    this.current = request;
    try {
      return super.execute(request);
    } finally {
      this.current = outer;
    }
  }
}
