import { fullHost, hostFit, requestHosts, serviceHost, serviceOf } from './hosts.ts';
import { matchingRoute, type RequestLine } from './matching.ts';
import {
  type DestinationRule,
  hasLabels,
  isServing,
  listeningPort,
  type Pod,
  type RouteDestination,
  type Service,
  type ServicePort,
  type VirtualService,
} from './objects.ts';
import { WeightedChoice } from './weights.ts';

/** Everything that routing is made from. Lists are read each time that {@link Router.changed} was called. */
export interface MeshObjects {
  virtualServices(): readonly VirtualService[];
  destinationRules(): readonly DestinationRule[];
  services(): readonly Service[];
  pods(): readonly Pod[];
}

/** Where a request goes; or why nowhere, with the response flag that Envoy would log. */
export type Routing =
  | { readonly pod: Pod; readonly port: number; readonly service: Service }
  | { readonly status: 404 | 503; readonly flag: 'NR' | 'NC' | 'UH'; readonly message: string };

/** One destination of a route: its share of the traffic, and which pods it means. */
export interface Share {
  readonly subset: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly weight: number;
}

interface Backends {
  readonly service: Service;
  readonly endpoints: readonly { pod: Pod; port: number }[];
}

/**
 * Chooses a pod for each request, as an Istio sidecar does: VirtualService by host, its first matching http route, a
 * destination by weight, the DestinationRule's subset, then the ready pods of the Service in turn.
 */
export class Router {
  readonly #objects: MeshObjects;
  readonly #namespace: string;
  /** By route and weights: a change of weights starts afresh, anything else keeps its place. */
  readonly #choices = new Map<string, WeightedChoice>();
  readonly #turns = new Map<string, number>();
  #backends = new Map<string, Backends | Routing>();
  #byHost = new Map<string, VirtualService | undefined>();

  /** @param namespace where callers are: the namespace of a short Host */
  constructor(objects: MeshObjects, namespace: string) {
    this.#objects = objects;
    this.#namespace = namespace;
  }

  /** Some object changed: what was worked out from them is forgotten. */
  changed(): void {
    this.#backends = new Map();
    this.#byHost = new Map();
  }

  route(request: RequestLine): Routing {
    const names = requestHosts(request.host, this.#namespace);
    const virtualService = this.#virtualService(names);
    if (virtualService === undefined) {
      const service = names
        .map(serviceOf)
        .find((ref) => ref !== undefined && this.#service(ref) !== undefined);
      if (service === undefined) {
        return {
          status: 404,
          flag: 'NR',
          message: `no VirtualService or Service has the host ${request.host}`,
        };
      }
      return this.#pick(
        { destination: { host: serviceHost(service.namespace, service.name) } },
        service.namespace,
      );
    }
    const { name, namespace = '' } = virtualService.metadata;
    const matched = matchingRoute(virtualService.spec?.http ?? [], request);
    const destinations = matched?.route.route ?? [];
    if (matched === undefined || destinations.length === 0) {
      return {
        status: 404,
        flag: 'NR',
        message: `no route of VirtualService ${namespace}/${name} takes this request`,
      };
    }
    const destination = this.#byWeight(`${namespace}/${name}/${matched.index}`, destinations);
    if (destination === undefined) {
      return { status: 503, flag: 'NC', message: `all weights of VirtualService ${namespace}/${name} are 0` };
    }
    return this.#pick(destination, namespace);
  }

  /** The shares of the route that a plain GET / to this host takes; empty when no VirtualService is about it. */
  shares(host: string): Share[] {
    const virtualService = this.#virtualService(requestHosts(host, this.#namespace));
    if (virtualService === undefined) return [];
    const request = { host, method: 'GET', url: '/', headers: {} };
    const destinations = matchingRoute(virtualService.spec?.http ?? [], request)?.route.route ?? [];
    const namespace = virtualService.metadata.namespace ?? '';
    return destinations.map((one) => {
      const subset = one.destination?.subset;
      const labels =
        subset === undefined ? {} : this.#subset(fullHost(one.destination?.host ?? '', namespace), subset);
      return { subset, labels: labels ?? {}, weight: weightOf(one, destinations.length) };
    });
  }

  #virtualService(names: readonly string[]): VirtualService | undefined {
    const key = names[0] ?? '';
    if (!this.#byHost.has(key)) this.#byHost.set(key, this.#bestVirtualService(names));
    return this.#byHost.get(key);
  }

  /** The most specific host wins, and of two with the same host the older one, as in Istio. */
  #bestVirtualService(names: readonly string[]): VirtualService | undefined {
    let best: { fit: number; object: VirtualService } | undefined;
    for (const object of this.#objects.virtualServices()) {
      for (const host of object.spec?.hosts ?? []) {
        const pattern = fullHost(host, object.metadata.namespace ?? '');
        const fit = Math.max(...names.map((name) => hostFit(pattern, name)));
        if (fit === 0) continue;
        if (best === undefined || fit > best.fit || (fit === best.fit && isOlder(object, best.object))) {
          best = { fit, object };
        }
      }
    }
    return best?.object;
  }

  #byWeight(route: string, destinations: readonly RouteDestination[]): RouteDestination | undefined {
    const weights = destinations.map((one) => weightOf(one, destinations.length));
    const targets = destinations.map((one) => one.destination?.subset ?? one.destination?.host ?? '');
    const key = `${route} ${targets.map((target, index) => `${target}=${weights[index] ?? 0}`).join(' ')}`;
    let choice = this.#choices.get(key);
    if (choice === undefined) {
      for (const old of this.#choices.keys()) if (old.startsWith(`${route} `)) this.#choices.delete(old);
      choice = new WeightedChoice(weights);
      this.#choices.set(key, choice);
    }
    const index = choice.next();
    return index === undefined ? undefined : destinations[index];
  }

  #pick({ destination }: RouteDestination, namespace: string): Routing {
    const host = fullHost(destination?.host ?? '', namespace);
    const key = `${host}|${destination?.port?.number ?? ''}|${destination?.subset ?? ''}`;
    let backends = this.#backends.get(key);
    if (backends === undefined) {
      backends = this.#resolve(host, destination?.port?.number, destination?.subset);
      this.#backends.set(key, backends);
    }
    if (!('endpoints' in backends)) return backends;
    const turn = this.#turns.get(key) ?? 0;
    this.#turns.set(key, turn + 1);
    const endpoint = backends.endpoints[turn % backends.endpoints.length];
    if (endpoint === undefined) return { status: 503, flag: 'UH', message: 'no healthy upstream' };
    return { ...endpoint, service: backends.service };
  }

  #resolve(host: string, port: number | undefined, subset: string | undefined): Backends | Routing {
    const ref = serviceOf(host);
    const service = ref === undefined ? undefined : this.#service(ref);
    if (service === undefined)
      return { status: 503, flag: 'NC', message: `no Service is behind the host ${host}` };
    const labels = subset === undefined ? {} : this.#subset(host, subset);
    if (labels === undefined) {
      return {
        status: 503,
        flag: 'NC',
        message: `no DestinationRule defines subset ${subset ?? ''} of ${host}`,
      };
    }
    const ports = service.spec?.ports ?? [];
    const servicePort =
      port === undefined && ports.length === 1 ? ports[0] : ports.find((one) => one.port === port);
    if (servicePort === undefined) {
      return { status: 503, flag: 'NC', message: `the route to ${host} names no port of that Service` };
    }
    const selector = service.spec?.selector ?? {};
    const endpoints = this.#objects
      .pods()
      .filter(
        (pod) =>
          pod.metadata.namespace === service.metadata.namespace &&
          Object.keys(selector).length > 0 &&
          hasLabels(pod, selector) &&
          hasLabels(pod, labels) &&
          isServing(pod),
      )
      .flatMap((pod) => {
        const listening = targetPort(pod, servicePort);
        return listening === undefined ? [] : [{ pod, port: listening }];
      });
    return { service, endpoints };
  }

  #service({ namespace, name }: { namespace: string; name: string }): Service | undefined {
    return this.#objects
      .services()
      .find((service) => service.metadata.namespace === namespace && service.metadata.name === name);
  }

  #subset(host: string, subset: string): Readonly<Record<string, string>> | undefined {
    for (const { metadata, spec } of this.#objects.destinationRules()) {
      if (fullHost(spec?.host ?? '', metadata.namespace ?? '') !== host) continue;
      const found = spec?.subsets?.find(({ name }) => name === subset);
      if (found !== undefined) return found.labels ?? {};
    }
    return undefined;
  }
}

/** A destination alone gets everything, whatever its weight says. */
function weightOf(destination: RouteDestination, count: number): number {
  return count === 1 ? 100 : Math.max(0, destination.weight ?? 0);
}

function isOlder(a: VirtualService, b: VirtualService): boolean {
  const [first, second] = [a, b].map(({ metadata }) => metadata.creationTimestamp ?? '');
  if (first !== second) return (first ?? '') < (second ?? '');
  return a.metadata.name < b.metadata.name;
}

function targetPort(pod: Pod, servicePort: ServicePort): number | undefined {
  const target = servicePort.targetPort ?? servicePort.port;
  const number =
    typeof target === 'number'
      ? target
      : pod.spec?.containers
          ?.flatMap((container) => container.ports ?? [])
          .find(({ name }) => name === target)?.containerPort;
  return number === undefined ? undefined : listeningPort(pod, number);
}
