import { isReady, selects } from './objects.ts';
import type {
  Destination,
  DestinationRule,
  HttpMatch,
  HttpRoute,
  Pod,
  Service,
  StringMatch,
  VirtualService,
} from './objects.ts';

/** What the mesh knows of the cluster. */
export interface World {
  readonly services: readonly Service[];
  readonly pods: readonly Pod[];
  readonly destinationRules: readonly DestinationRule[];
  readonly virtualServices: readonly VirtualService[];
}

/** The gateway's Envoy resources; clusters and endpoints by the name of the cluster. */
export interface MeshConfig {
  readonly clusters: ReadonlyMap<string, object>;
  readonly endpoints: ReadonlyMap<string, object>;
  readonly virtualHosts: readonly VirtualHost[];
  /** What the test mesh cannot do of what the objects ask for. */
  readonly problems: readonly string[];
}

export interface VirtualHost {
  readonly name: string;
  readonly domains: readonly string[];
  readonly routes: readonly object[];
}

const DOMAIN = 'svc.cluster.local';
const KNOWN_ROUTE_FIELDS = [
  'name',
  'match',
  'route',
  'timeout',
  'retries',
  'mirror',
  'mirrorPercentage',
  'mirrors',
];
const KNOWN_MATCH_FIELDS = ['name', 'uri', 'method', 'headers', 'queryParams'];

/** The name that Istio gives the cluster of a Service's port; `subset` is '' for all of its pods. */
export function clusterName(host: string, port: number, subset = ''): string {
  return `outbound|${port}|${subset}|${host}`;
}

/** `reviews` in namespace `bookinfo` → `reviews.bookinfo.svc.cluster.local`; names with a dot stay. */
export function hostOf(name: string, namespace: string): string {
  return name.includes('.') ? name : `${name}.${namespace}.${DOMAIN}`;
}

/**
 * Turns Services, pods, DestinationRules and VirtualServices into Envoy's clusters, endpoints and routes, with the rules
 * of Istio's pilot: a subset narrows the Service's selector by labels; only ready pods are endpoints; a route may name a
 * cluster that isn't there (Envoy then answers 503 with the flag NC), or one without endpoints (503, UH).
 * `endpointsPath` says in which file a cluster's endpoints will be.
 */
export function meshConfig(world: World, endpointsPath: (cluster: string) => string): MeshConfig {
  const clusters = new Map<string, object>();
  const endpoints = new Map<string, object>();
  const problems: string[] = [];
  const subsets = subsetsByHost(world, problems);
  for (const service of world.services) {
    const host = serviceHost(service);
    const pods = world.pods.filter((pod) => isEndpointOf(service, pod));
    for (const port of httpPorts(service)) {
      for (const [subset, labels] of [['', {}] as const, ...(subsets.get(host) ?? [])]) {
        const name = clusterName(host, port.port, subset);
        const members = pods.filter((pod) => selects(labels, pod));
        clusters.set(name, clusterOf(name, endpointsPath(name)));
        endpoints.set(name, endpointsOf(name, members, port.targetPort ?? port.port));
      }
    }
  }
  return { clusters, endpoints, virtualHosts: virtualHosts(world, problems), problems };
}

function subsetsByHost(world: World, problems: string[]): Map<string, Map<string, Record<string, string>>> {
  const byHost = new Map<string, Map<string, Record<string, string>>>();
  for (const rule of oldestFirst(world.destinationRules)) {
    const host = hostOf(rule.spec.host, rule.metadata.namespace ?? '');
    const subsets = byHost.get(host) ?? new Map<string, Record<string, string>>();
    byHost.set(host, subsets);
    for (const { name, labels } of rule.spec.subsets ?? []) {
      if (!subsets.has(name)) subsets.set(name, labels ?? {});
    }
    for (const field of unknownFields(rule.spec, ['host', 'subsets', 'exportTo'])) {
      problems.push(`DestinationRule ${rule.metadata.name}: the test mesh ignores spec.${field}`);
    }
  }
  return byHost;
}

function virtualHosts(world: World, problems: string[]): VirtualHost[] {
  const byHost = new Map<string, VirtualService>();
  for (const object of oldestFirst(world.virtualServices)) {
    for (const name of object.spec.hosts ?? []) {
      const host = hostOf(name, object.metadata.namespace ?? '');
      if (!byHost.has(host)) byHost.set(host, object);
    }
  }
  const services = new Map(world.services.map((service) => [serviceHost(service), service]));
  const found: VirtualHost[] = [];
  for (const [host, service] of services) {
    const own = byHost.get(host);
    httpPorts(service).forEach(({ port }, index) => {
      const routes =
        own === undefined
          ? [{ match: { prefix: '/' }, route: { cluster: clusterName(host, port), timeout: '0s' } }]
          : routesOf(own, port, services, problems);
      const names = aliasesOf(service);
      const domains = [...(index === 0 ? names : []), ...names.map((name) => `${name}:${port}`)];
      found.push({ name: `${host}:${port}`, domains, routes });
    });
  }
  for (const [host, object] of byHost) {
    if (services.has(host)) continue;
    const routes = routesOf(object, 80, services, problems);
    found.push({ name: host, domains: [host, `${host}:*`], routes });
  }
  return found.sort((a, b) => a.name.localeCompare(b.name));
}

function routesOf(
  object: VirtualService,
  port: number,
  services: ReadonlyMap<string, Service>,
  problems: string[],
): object[] {
  const namespace = object.metadata.namespace ?? '';
  const cluster = ({ host: name, subset, port: wanted }: Destination) => {
    const host = hostOf(name, namespace);
    const ports = httpPorts(services.get(host));
    const only = ports.length === 1 ? ports[0]?.port : undefined;
    return clusterName(host, wanted?.number ?? only ?? port, subset);
  };
  return (object.spec.http ?? []).flatMap((http, index): object[] => {
    const unknown = [
      ...unknownFields(http, KNOWN_ROUTE_FIELDS),
      ...(http.match ?? []).flatMap((match) =>
        unknownFields(match, KNOWN_MATCH_FIELDS).map((field) => `match.${field}`),
      ),
    ];
    const matches = http.match === undefined || http.match.length === 0 ? [{}] : http.match;
    if (unknown.length > 0) {
      const problem = `VirtualService ${object.metadata.name}: the test mesh does not know spec.http[${index}].${unknown.join(', ')}`;
      problems.push(problem);
      const answer = { status: 500, body: { inline_string: problem } };
      return matches.map((match) => ({ match: matchOf(match), direct_response: answer }));
    }
    const route = actionOf(http, cluster);
    return matches.map((match) => ({ match: matchOf(match), route, name: http.name ?? '' }));
  });
}

function actionOf(http: HttpRoute, cluster: (destination: Destination) => string): object {
  const targets = http.route ?? [];
  const weighted = targets.length > 1 ? targets.filter(({ weight = 0 }) => weight > 0) : targets;
  const mirrors = [
    ...(http.mirror === undefined
      ? []
      : [{ destination: http.mirror, percentage: http.mirrorPercentage ?? { value: 100 } }]),
    ...(http.mirrors ?? []),
  ];
  const first = targets[0];
  return {
    ...(targets.length === 1 && first !== undefined
      ? { cluster: cluster(first.destination) }
      : {
          weighted_clusters: {
            clusters: weighted.map(({ destination, weight }) => ({ name: cluster(destination), weight })),
          },
        }),
    timeout: http.timeout ?? '0s',
    ...(http.retries === undefined || http.retries.attempts === 0
      ? {}
      : {
          retry_policy: {
            num_retries: http.retries.attempts ?? 2,
            retry_on: http.retries.retryOn ?? 'connect-failure,refused-stream,unavailable,cancelled',
            ...(http.retries.perTryTimeout === undefined
              ? {}
              : { per_try_timeout: http.retries.perTryTimeout }),
          },
        }),
    ...(mirrors.length === 0
      ? {}
      : {
          request_mirror_policies: mirrors.map(({ destination, percentage }) => ({
            cluster: cluster(destination),
            runtime_fraction: {
              default_value: {
                numerator: Math.round((percentage?.value ?? 100) * 10_000),
                denominator: 'MILLION',
              },
            },
          })),
        }),
  };
}

function matchOf({ uri, method, headers, queryParams }: HttpMatch): object {
  const wanted = { ...headers, ...(method === undefined ? {} : { ':method': method }) };
  return {
    ...(uri?.exact !== undefined
      ? { path: uri.exact }
      : uri?.regex !== undefined
        ? { safe_regex: { regex: uri.regex } }
        : { prefix: uri?.prefix ?? '/' }),
    headers: Object.entries(wanted).map(([name, match]) => ({ name, ...presenceOf(match) })),
    query_parameters: Object.entries(queryParams ?? {}).map(([name, match]) => ({
      name,
      ...presenceOf(match),
    })),
  };
}

function presenceOf({ exact, prefix, regex }: StringMatch): object {
  if (exact !== undefined) return { string_match: { exact } };
  if (prefix !== undefined) return { string_match: { prefix } };
  if (regex !== undefined) return { string_match: { safe_regex: { regex } } };
  return { present_match: true };
}

function clusterOf(name: string, endpoints: string): object {
  return {
    '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
    name,
    // Dots and bars would cut the name apart in the statistics.
    alt_stat_name: statName(name),
    type: 'EDS',
    eds_cluster_config: { eds_config: fileSource(endpoints) },
    connect_timeout: '2s',
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
    typed_extension_protocol_options: upstreamHttp(),
  };
}

/** Idle connections are closed by the side that sends requests, before the other side would: no request meets a closing one. */
export function upstreamHttp(idleSeconds = 30): object {
  return {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      common_http_protocol_options: { idle_timeout: `${idleSeconds}s` },
      explicit_http_config: { http_protocol_options: {} },
    },
  };
}

function endpointsOf(cluster: string, pods: readonly Pod[], targetPort: number | string): object {
  const addresses = pods.flatMap((pod) => {
    const address = pod.status?.podIP;
    const port = typeof targetPort === 'number' ? targetPort : namedPort(pod, targetPort);
    return address === undefined || port === undefined ? [] : [{ address, port_value: port }];
  });
  addresses.sort((a, b) => a.address.localeCompare(b.address));
  return {
    '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
    cluster_name: cluster,
    endpoints: [
      {
        lb_endpoints: addresses.map((socket_address) => ({ endpoint: { address: { socket_address } } })),
      },
    ],
  };
}

function namedPort(pod: Pod, name: string): number | undefined {
  return pod.spec.containers.flatMap((c) => c.ports ?? []).find((port) => port.name === name)?.containerPort;
}

/** Where Envoy reads a dynamic resource from; it follows the file when another is moved in its place. */
export function fileSource(path: string): object {
  return { path_config_source: { path }, resource_api_version: 'V3', initial_fetch_timeout: '5s' };
}

/** The name of a cluster in statistics. */
export function statName(cluster: string): string {
  return cluster.replaceAll(/[|.]/g, '_');
}

function isEndpointOf(service: Service, pod: Pod): boolean {
  return (
    service.spec.selector !== undefined &&
    pod.metadata.namespace === service.metadata.namespace &&
    selects(service.spec.selector, pod) &&
    isReady(pod)
  );
}

function httpPorts(service: Service | undefined): { port: number; targetPort?: number | string }[] {
  return (service?.spec.ports ?? []).filter(({ protocol = 'TCP' }) => protocol === 'TCP');
}

function serviceHost(service: Service): string {
  return hostOf(service.metadata.name, service.metadata.namespace ?? '');
}

function aliasesOf(service: Service): string[] {
  const short = `${service.metadata.name}.${service.metadata.namespace ?? ''}`;
  return [short, `${short}.svc`, `${short}.${DOMAIN}`];
}

function oldestFirst<T extends VirtualService | DestinationRule>(objects: readonly T[]): T[] {
  const key = ({ metadata }: T) => `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
  return objects.toSorted((a, b) => key(a).localeCompare(key(b)));
}

function unknownFields(object: object, known: readonly string[]): string[] {
  return Object.keys(object).filter((field) => !known.includes(field));
}
