import type { CanaryReleaseStatus } from '../../api/index.ts';
import { canaryReleases } from '../../controllers/kinds.ts';
import { OperatorMetrics } from '../../controllers/metrics.ts';
import { OperatorProcess } from '../../controllers/process.ts';
import type { PassObserver } from '../../controllers/canary-release/controller.ts';
import type { KubeObject } from '../../kube/types.ts';
import { customResourceDefinitions, namespaces, pods as podType } from '../../kube/well-known.ts';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import { Cluster, type InProcessClient } from '../../sandbox/index.ts';
import { ProxiesSource } from '../../telemetry/proxies/source.ts';
import { Dice } from '../dice.ts';
import { Mesh } from './mesh.ts';
import { ProcessClient, type Network } from './process-client.ts';
import { ProcessClock } from './process-clock.ts';
import { Proxies } from './proxies.ts';

export const NAMESPACE = 'shop';
export const RELEASE = 'cart';

export interface SimulationOptions {
  readonly seed: number;
  readonly crds: readonly KubeObject[];
  readonly network: Network;
  /** Share of failing requests (0–1) by image. */
  readonly errorsOf: (image: string) => number;
  readonly observer: PassObserver;
}

/** One operator process, alive or not. */
export interface Running {
  readonly identity: string;
  readonly clock: ProcessClock;
  readonly stopping: AbortController;
  ended: 'released' | 'lost' | 'never led' | undefined;
}

/** A cluster with its mesh, its callers and the operators of it: the production code, on a clock that stands still. */
export class Simulation {
  readonly clock = new VirtualClock();
  readonly dice: Dice;
  readonly cluster: Cluster;
  readonly admin: InProcessClient;
  readonly mesh: Mesh;
  readonly proxies: Proxies;
  readonly processes: Running[] = [];
  readonly errors: string[] = [];
  readonly #options: SimulationOptions;
  readonly #images = new Map<string, string>();

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.dice = new Dice(options.seed);
    this.cluster = new Cluster({ clock: this.clock, seed: options.seed });
    this.admin = this.cluster.client({ user: 'admin' });
    this.mesh = new Mesh(this.cluster, this.clock, this.dice, (revision) => ({
      errors: options.errorsOf(this.#images.get(revision) ?? ''),
    }));
    this.proxies = new Proxies(this.mesh, () => this.#addresses());
    this.cluster.intercept({
      after: ({ verb, plural }) => {
        if (plural === 'virtualservices' && verb !== 'get' && verb !== 'list') this.mesh.routesWritten();
      },
    });
  }

  async start(): Promise<void> {
    for (const crd of this.#options.crds) await this.admin.create(customResourceDefinitions, crd);
    for (const name of [NAMESPACE, 'songbird-system']) {
      await this.admin.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
    this.mesh.start();
  }

  /** Starts an operator process, as a Deployment does. */
  launch(leaderElect = true): Running {
    const clock = new ProcessClock(this.clock);
    const identity = `operator-${this.processes.length + 1}`;
    const running: Running = { identity, clock, stopping: new AbortController(), ended: undefined };
    this.processes.push(running);
    const client = new ProcessClient(
      this.cluster.client({ user: identity }),
      clock,
      this.#options.network,
      () => {
        process.doubtWatches();
      },
    );
    const dice = new Dice(this.#options.seed * 31 + this.processes.length);
    const proxies = new ProxiesSource(this.proxies.httpFor(clock));
    const process = new OperatorProcess({
      flags: {
        leaderElect,
        leaderElectionNamespace: 'songbird-system',
        namespace: undefined,
        workers: 4,
        writesPerSecond: 50,
      },
      client,
      clock,
      identity,
      telemetry: {
        sources: { proxies, prometheus: proxies },
        events: { read: () => Promise.reject(new Error('no events here')), forget: () => undefined },
        values: {
          prometheus: () => Promise.resolve({ outcome: 'error', message: 'no data' }),
          web: () => Promise.resolve({ outcome: 'error', message: 'no data' }),
        },
        prometheusAddress: undefined,
      },
      metrics: new OperatorMetrics(),
      reporterOf: (events) => {
        const { observer } = this.#options;
        return {
          ...observer,
          decided: (key, gathered, decision) => {
            this.#images.set(
              gathered.observed.target,
              gathered.observed.spec.template.spec.containers[0]?.image ?? '',
            );
            observer.decided(key, gathered, decision);
          },
          event: (release, event) => {
            events.record(release, {
              type: event.type,
              reason: event.reason,
              note: event.message,
              action: 'Reconcile',
            });
            observer.event(release, event);
          },
        };
      },
      onError: (error, where) => {
        this.errors.push(`${identity}: ${where}: ${error instanceof Error ? error.message : String(error)}`);
      },
      say: () => undefined,
      random: () => dice.next(),
    });
    void process.run(running.stopping.signal).then(
      (outcome) => {
        running.ended = outcome;
        // Main exits at once when the lease is lost.
        if (outcome === 'lost') clock.end();
      },
      (error: unknown) => {
        this.errors.push(`${identity}: ${String(error)}`);
      },
    );
    return running;
  }

  async status(): Promise<CanaryReleaseStatus> {
    const ref = { namespace: NAMESPACE, name: RELEASE };
    const release = await this.admin.get<KubeObject & { status?: CanaryReleaseStatus }>(canaryReleases, ref);
    return release.status ?? {};
  }

  #addresses(): Map<string, string> {
    const { group, version, plural } = podType;
    const result = this.cluster.execute({ verb: 'list', group, version, plural, user: 'mesh', options: {} });
    const items = result.type === 'list' ? result.list.items : [];
    return new Map(
      items.map((pod) => [
        (pod['status'] as { podIP?: string } | undefined)?.podIP ?? '',
        pod.metadata.uid ?? '',
      ]),
    );
  }
}
