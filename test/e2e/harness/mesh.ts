import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../control-plane/build.ts';
import type { Log } from '../control-plane/build.ts';
import type { Processes } from '../control-plane/processes.ts';
import { startEnvoy, tcp } from './envoy.ts';
import type { Envoy } from './envoy.ts';
import type { Kube } from './kube.ts';
import { fileSource, meshConfig, statName } from './mesh-config.ts';
import type { MeshConfig, VirtualHost } from './mesh-config.ts';
import { ID_HEADER } from './load.ts';
import { GATEWAY_IP } from './network.ts';
import type { DestinationRule, Pod, Service, VirtualService } from './objects.ts';

const PORT = 80;
const DEBOUNCE_MS = 50;
const ACCEPT_MS = 10_000;
const ROUTES = 'gateway';
const CLUSTERS_FILE = 'clusters.json';
const ROUTES_FILE = 'routes.json';
const ACCESS_LOG = 'failures.log';

export interface MeshOptions {
  readonly kube: Kube;
  readonly processes: Processes;
  /** Path of Envoy's program. */
  readonly envoy: string;
  /** A directory that is there; the mesh keeps its files in it. */
  readonly dir: string;
  readonly log: Log;
}

/** A request that the gateway answered with 5xx, as Envoy's access log tells it. */
export interface FailedRequest {
  /** As the client named it. */
  readonly id: string;
  readonly time: string;
  readonly status: number;
  /** Envoy's response flags, such as NC, UH, UC; `-` when the app itself answered so. */
  readonly flags: string;
  readonly cluster: string;
  /** The subset that the cluster is of; '' for none. */
  readonly subset: string;
  readonly upstream: string;
}

type LoggedRequest = Omit<FailedRequest, 'subset' | 'cluster'> & { readonly cluster: string | null };

/**
 * The test mesh: follows VirtualServices, DestinationRules, Services and pods, and keeps one gateway Envoy configured
 * with them, as Istio's pilot does its proxies: clusters first, then endpoints, then routes, each step waiting until
 * Envoy has taken the one before.
 */
export class Mesh {
  /** Where clients send their requests, with the host they mean in the Host header, such as `reviews.bookinfo`. */
  readonly url = `http://${GATEWAY_IP}:${PORT}`;
  readonly #options: MeshOptions;
  readonly #stopping = new AbortController();
  #gateway: Envoy | undefined;
  #world: { [kind in keyof Kinds]: ReadonlyMap<string, Kinds[kind]> } | undefined;
  #written: MeshConfig = { clusters: new Map(), endpoints: new Map(), virtualHosts: [], problems: [] };
  #version = 0;
  #dirty = false;
  #busy: Promise<void> = Promise.resolve();
  #paused = false;

  constructor(options: MeshOptions) {
    this.#options = options;
  }

  get #dir(): string {
    return join(this.#options.dir, 'gateway');
  }

  get gateway(): Envoy {
    if (this.#gateway === undefined) throw new Error('the mesh is not started');
    return this.#gateway;
  }

  async start(): Promise<void> {
    const { kube } = this.#options;
    await mkdir(this.#dir);
    await this.#writeClusters(0, []);
    await this.#writeRoutes(0, []);
    this.#gateway = await this.#startGateway();
    const changed = () => {
      this.#changed();
    };
    const { signal } = this.#stopping;
    this.#world = {
      services: await kube.watch<Service>('Service', changed, signal),
      pods: await kube.watch<Pod>('Pod', changed, signal),
      destinationRules: await kube.watch<DestinationRule>('DestinationRule', changed, signal),
      virtualServices: await kube.watch<VirtualService>('VirtualService', changed, signal),
    };
    this.#changed();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#busy;
    await this.#gateway?.stop();
  }

  /** Ends the gateway: whoever calls finds nobody there, until {@link restartGateway}. Changes wait meanwhile. */
  async stopGateway(): Promise<void> {
    this.pause();
    await this.#busy;
    await this.gateway.stop();
  }

  /** Starts the gateway with the configuration that it had, and passes on what has changed since. */
  async restartGateway(): Promise<void> {
    this.#gateway = await this.#startGateway();
    this.resume();
  }

  #startGateway(): Promise<Envoy> {
    const { processes, envoy } = this.#options;
    return startEnvoy(processes, {
      program: envoy,
      name: 'gateway',
      dir: this.#dir,
      address: GATEWAY_IP,
      bootstrap: bootstrapOf(this.#dir),
    });
  }

  /** Stops passing changes on to Envoy, until {@link resume}: a control plane of the mesh that is down or slow. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#changed();
  }

  /** What the objects ask of the mesh and it cannot do; a scenario should find none. */
  get problems(): readonly string[] {
    return this.#written.problems;
  }

  /**
   * The weights by which the gateway really splits a host's requests, in percent by subset ('' where the route names
   * none), read from Envoy's own configuration: of the host's last route, which is the one without conditions.
   * Undefined when Envoy has no route for this host.
   */
  async effectiveWeights(host: string): Promise<Record<string, number> | undefined> {
    const text = await this.gateway.admin('/config_dump?resource=dynamic_route_configs');
    const { configs } = JSON.parse(text) as { configs?: { route_config: RouteConfig }[] };
    const route = configs
      ?.flatMap((entry) => entry.route_config.virtual_hosts ?? [])
      .find((virtualHost) => virtualHost.domains.includes(host))
      ?.routes?.at(-1)?.route;
    if (route === undefined) return undefined;
    if (route.cluster !== undefined) return { [subsetOf(route.cluster)]: 100 };
    const targets = route.weighted_clusters?.clusters ?? [];
    const total = targets.reduce((sum, { weight }) => sum + weight, 0);
    return Object.fromEntries(targets.map(({ name, weight }) => [subsetOf(name), (100 * weight) / total]));
  }

  /** How many endpoints the gateway has for each subset of a host (FQDN), from Envoy itself. */
  async endpoints(host: string): Promise<Record<string, number>> {
    const text = await this.gateway.admin('/clusters?format=json');
    const { cluster_statuses: statuses } = JSON.parse(text) as {
      cluster_statuses: { name: string; host_statuses?: unknown[] }[];
    };
    return Object.fromEntries(
      statuses
        .filter(({ name }) => name.endsWith(`|${host}`))
        .map(({ name, host_statuses: hosts }) => [subsetOf(name), hosts?.length ?? 0]),
    );
  }

  /** Requests that the gateway answered with 5xx so far, at most half a second late. */
  async failures(): Promise<FailedRequest[]> {
    const text = await readFile(join(this.#dir, ACCESS_LOG), 'utf8').catch(() => '');
    return (
      text
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line) as LoggedRequest)
        // Envoy says null where it knew no such cluster.
        .map((request) => ({
          ...request,
          cluster: request.cluster ?? '',
          subset: subsetOf(request.cluster ?? ''),
        }))
    );
  }

  #changed(): void {
    if (this.#dirty || this.#world === undefined || this.#paused) return;
    this.#dirty = true;
    this.#busy = this.#busy.then(async () => {
      await delay(DEBOUNCE_MS);
      this.#dirty = false;
      if (this.#stopping.signal.aborted || this.#paused) return;
      await this.#push().catch((error: unknown) => {
        this.#options.log(`mesh: ${messageOf(error)}`);
      });
    });
  }

  /** One push: endpoints and clusters, then routes. What Envoy has taken already is not sent again. */
  async #push(): Promise<void> {
    const world = this.#world;
    if (world === undefined) return;
    const before = this.#written;
    const next = meshConfig(
      {
        services: [...world.services.values()],
        pods: [...world.pods.values()],
        destinationRules: [...world.destinationRules.values()],
        virtualServices: [...world.virtualServices.values()],
      },
      (cluster) => join(this.#dir, endpointsFile(cluster)),
    );
    for (const problem of next.problems) {
      if (!before.problems.includes(problem)) this.#options.log(`mesh: ${problem}`);
    }
    const version = (this.#version += 1);
    const waited: string[] = [];
    for (const [name, endpoints] of next.endpoints) {
      if (same(endpoints, before.endpoints.get(name))) continue;
      await this.#write(endpointsFile(name), version, [endpoints]);
      waited.push(`cluster.${statName(name)}.version_text`);
    }
    if (!same([...next.clusters.keys()].sort(), [...before.clusters.keys()].sort())) {
      await this.#writeClusters(version, [...next.clusters.values()]);
      await this.#taken(version, ['cluster_manager.cds.version_text']);
    }
    await this.#taken(version, waited);
    if (!same(next.virtualHosts, before.virtualHosts)) {
      await this.#writeRoutes(version, next.virtualHosts);
      await this.#taken(version, [`http.gateway.rds.${ROUTES}.version_text`]);
    }
    this.#written = next;
    for (const name of before.endpoints.keys()) {
      if (!next.endpoints.has(name)) await rm(join(this.#dir, endpointsFile(name)), { force: true });
    }
  }

  /** Waits until Envoy reports this version for each of these statistics. */
  async #taken(version: number, names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const deadline = performance.now() + ACCEPT_MS;
    for (;;) {
      const stats = await this.gateway.stats('version_text$', 'TextReadouts');
      const late = names.filter((name) => !stats.some((s) => s.name === name && s.value === String(version)));
      if (late.length === 0) return;
      if (performance.now() > deadline) {
        const log = await readFile(this.gateway.program.logFile, 'utf8').catch(() => '');
        throw new Error(
          `the gateway did not take ${late.join(', ')} at version ${version}: ${log.slice(-2_000)}`,
        );
      }
      await delay(5);
    }
  }

  async #writeClusters(version: number, clusters: readonly object[]): Promise<void> {
    await this.#write(CLUSTERS_FILE, version, clusters);
  }

  async #writeRoutes(version: number, virtualHosts: readonly VirtualHost[]): Promise<void> {
    await this.#write(ROUTES_FILE, version, [
      {
        '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
        name: ROUTES,
        virtual_hosts: virtualHosts,
      },
    ]);
  }

  /** Envoy notices files that are moved into place, and so never reads half of one. */
  async #write(name: string, version: number, resources: readonly object[]): Promise<void> {
    const path = join(this.#dir, name);
    await writeFile(`${path}.new`, JSON.stringify({ version_info: String(version), resources }));
    await rename(`${path}.new`, path);
  }
}

interface Kinds {
  services: Service;
  pods: Pod;
  destinationRules: DestinationRule;
  virtualServices: VirtualService;
}

interface RouteConfig {
  virtual_hosts?: {
    domains: string[];
    routes?: {
      route?: { cluster?: string; weighted_clusters?: { clusters: { name: string; weight: number }[] } };
    }[];
  }[];
}

function endpointsFile(cluster: string): string {
  return `endpoints-${cluster.replaceAll('|', '_')}.json`;
}

function subsetOf(cluster: string): string {
  return cluster.split('|')[2] ?? '';
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function bootstrapOf(dir: string): { static_resources: object; dynamic_resources: object } {
  const manager = {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'gateway',
    generate_request_id: false,
    rds: { route_config_name: ROUTES, config_source: fileSource(join(dir, ROUTES_FILE)) },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
    access_log: [
      {
        name: 'envoy.access_loggers.file',
        filter: {
          status_code_filter: {
            comparison: { op: 'GE', value: { default_value: 500, runtime_key: 'failures.from' } },
          },
        },
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
          path: join(dir, ACCESS_LOG),
          log_format: {
            json_format: {
              id: `%REQ(${ID_HEADER})%`,
              time: '%START_TIME%',
              status: '%RESPONSE_CODE%',
              flags: '%RESPONSE_FLAGS%',
              cluster: '%UPSTREAM_CLUSTER_RAW%',
              upstream: '%UPSTREAM_HOST%',
            },
          },
        },
      },
    ],
  };
  return {
    static_resources: {
      listeners: [
        {
          name: 'gateway',
          address: tcp(GATEWAY_IP, PORT),
          filter_chains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
          ],
        },
      ],
    },
    dynamic_resources: { cds_config: fileSource(join(dir, CLUSTERS_FILE)) },
  };
}
