import type { MeshObjects } from './router.ts';
import {
  type DestinationRule,
  type HttpRoute,
  type Pod,
  PORTS_ANNOTATION,
  type Service,
  type VirtualService,
} from './objects.ts';

/** Objects for tests, in namespace `demo`. */
export function virtualService(
  hosts: string[],
  http: HttpRoute[],
  name = 'shop',
  created = '2030-01-01T00:00:00Z',
): VirtualService {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace: 'demo', creationTimestamp: created },
    spec: { hosts, http },
  };
}

/** A route to subsets of `shop` by weight. */
export function split(weights: Record<string, number>): HttpRoute {
  return {
    route: Object.entries(weights).map(([subset, weight]) => ({
      destination: { host: 'shop', subset },
      weight,
    })),
  };
}

/** Subsets by the label `version`. */
export function destinationRule(host: string, versions: string[]): DestinationRule {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: host.replaceAll('.', '-'), namespace: 'demo' },
    spec: { host, subsets: versions.map((version) => ({ name: version, labels: { version } })) },
  };
}

export function service(name: string): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'demo' },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 'web' }] },
  };
}

/** A ready pod whose container port 8080, named `web`, is at `port`. */
export function pod(
  name: string,
  version: string,
  port: number,
  change: Partial<Pod['metadata']> & { ready?: boolean } = {},
): Pod {
  const { ready = true, ...metadata } = change;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'demo',
      uid: `uid-${name}`,
      labels: { app: 'shop', version },
      annotations: { [PORTS_ANNOTATION]: JSON.stringify({ 8080: port }) },
      ...metadata,
    },
    spec: { containers: [{ name: 'app', ports: [{ name: 'web', containerPort: 8080 }] }] },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

/** A world whose lists a test may replace. */
export interface World {
  virtualServices: VirtualService[];
  destinationRules: DestinationRule[];
  services: Service[];
  pods: Pod[];
}

export function objectsOf(world: World): MeshObjects {
  return {
    virtualServices: () => world.virtualServices,
    destinationRules: () => world.destinationRules,
    services: () => world.services,
    pods: () => world.pods,
  };
}
