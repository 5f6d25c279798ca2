import { type CanaryReleaseObject, type CanaryReleaseStatus, parseRelease } from '../../api/index.ts';
import type { Clock } from '../../kube/clock.ts';
import { Informer } from '../../kube/informer.ts';
import type { ApiClient, ResourceType } from '../../kube/types.ts';

export const CANARY_RELEASES: ResourceType = {
  group: 'songbird.dev',
  version: 'v1alpha1',
  plural: 'canaryreleases',
  kind: 'CanaryRelease',
  namespaced: true,
};

/** A release as its object says. */
export interface ReleaseState {
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  readonly status: CanaryReleaseStatus;
}

export interface ReleaseWatchOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  readonly onChange: (state: ReleaseState) => void;
}

/** Follows the CanaryReleases of all namespaces. */
export class ReleaseWatch {
  readonly #informer: Informer<CanaryReleaseObject>;

  constructor({ client, clock, onError, onChange }: ReleaseWatchOptions) {
    const changed = (object: CanaryReleaseObject) => {
      onChange(stateOf(object));
    };
    this.#informer = new Informer<CanaryReleaseObject>({
      client,
      type: CANARY_RELEASES,
      clock,
      handlers: { added: changed, updated: changed },
      onError,
    });
  }

  async start(): Promise<void> {
    this.#informer.start();
    await this.#informer.whenSynced();
  }

  async stop(): Promise<void> {
    await this.#informer.stop();
  }
}

function stateOf(object: CanaryReleaseObject): ReleaseState {
  const { name, namespace = '', generation = 0 } = object.metadata;
  return { namespace, name, generation, status: parseRelease(object).status };
}
