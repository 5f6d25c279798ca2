import type { CanaryReleaseObject } from '../../api/index.ts';
import type { Effect } from '../../core/model.ts';
import { OwnWrites } from '../../kube/own-writes.ts';
import type { KubeObject, ResourceType } from '../../kube/types.ts';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import {
  customResourceDefinitions,
  deployments,
  destinationRules,
  namespaces,
  pods,
  services,
  virtualServices,
} from '../../kube/well-known.ts';
import { readCrds } from '../../sandbox/demo/manifests.ts';
import { type ApiRequest, Cluster, type InProcessClient } from '../../sandbox/index.ts';
import { manifest } from '../cluster.testing.ts';
import { canaryReleases, releaseCommands } from '../../api/resources.ts';
import { Actor } from './act.ts';
import { cachesOf } from './caches.testing.ts';
import { type Gathered, gather } from './observe.ts';

const KEY = 'shop/cart';
const KINDS = [
  canaryReleases,
  releaseCommands,
  deployments,
  pods,
  services,
  virtualServices,
  destinationRules,
];

/** The release `shop/cart` in a cluster in memory, and an actor that writes for it. No pass runs but what the test does. */
export class Stage {
  readonly admin: InProcessClient;
  readonly actor: Actor;
  readonly clock: VirtualClock;
  readonly client: InProcessClient;
  readonly writes: OwnWrites;
  /** What the actor sent, since it was last emptied. */
  readonly sent: ApiRequest[] = [];
  /** Done once, right before the next write of the actor reaches the API server. */
  meanwhile: (() => Promise<unknown>) | undefined;

  private constructor(cluster: Cluster, clock: VirtualClock) {
    this.admin = cluster.client({ user: 'admin' });
    this.clock = clock;
    this.client = cluster.client({ user: 'songbird' });
    this.writes = new OwnWrites(clock);
    this.actor = new Actor(this.client, this.writes);
    cluster.intercept({
      before: async (request) => {
        if (request.user !== 'songbird') return;
        this.sent.push(request);
        const { meanwhile } = this;
        if (meanwhile === undefined || request.verb === 'get') return;
        this.meanwhile = undefined;
        await meanwhile();
      },
    });
  }

  static async set(): Promise<Stage> {
    const clock = new VirtualClock();
    const stage = new Stage(new Cluster({ clock }), clock);
    const { admin } = stage;
    for (const crd of await readCrds()) await admin.create(customResourceDefinitions, crd);
    await admin.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    await clock.advance(1000);
    await admin.create(canaryReleases, manifest('cart:1'));
    return stage;
  }

  /** What a pass sees: what is in the cluster now, or, of the kinds in `hidden`, nothing. */
  async see(hidden: readonly ResourceType[] = []): Promise<Gathered> {
    const caches = cachesOf(await this.objects(hidden));
    const release: CanaryReleaseObject = await this.live(canaryReleases, 'cart');
    const gathered = gather(release, caches, undefined, () => ({ unneeded: true }));
    if ('problems' in gathered) throw new Error(JSON.stringify(gathered.problems));
    return gathered;
  }

  /** All that is in the cluster now, without the kinds in `hidden`. */
  async objects(hidden: readonly ResourceType[] = []): Promise<KubeObject[]> {
    const shown = KINDS.filter((type) => !hidden.includes(type));
    const lists = await Promise.all(shown.map((type) => this.admin.list(type, { namespace: 'shop' })));
    return lists.flatMap(({ items }) => items);
  }

  async perform(effect: Effect, gathered?: Gathered): Promise<void> {
    await this.actor.perform(effect, gathered ?? (await this.see()));
  }

  /** An object of the release's namespace as it is in the cluster. */
  live(type: ResourceType, name: string): Promise<KubeObject & { spec?: unknown }> {
    return this.admin.get(type, { namespace: 'shop', name });
  }

  written(): ApiRequest[] {
    return this.sent.filter(({ verb }) => verb !== 'get');
  }

  /** Whether the next pass must wait, with a cache that shows just this. */
  waitsWith(shown?: KubeObject): boolean {
    return this.writes.pending(KEY, () => shown);
  }
}

/** What the promise rejects with. @throws when it does not */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  const [result] = await Promise.allSettled([promise]);
  if (result.status === 'fulfilled') throw new Error('it should have failed');
  return result.reason;
}
