import { isDeepStrictEqual } from 'node:util';
import {
  type CanaryRelease,
  type DestinationRule,
  LABELS,
  type Route,
  type VirtualService,
  isOwnedBy,
  ownerRefOf,
} from '../../api/index.ts';
import type { TrafficView } from '../../core/model.ts';
import type { DesiredTraffic, Router, TrafficWrite } from '../router.ts';
import { type IstioLive, checkIstio } from './checks.ts';

const API_VERSION = 'networking.istio.io/v1';
const MESH = 'mesh';

/** The `managed` way: Songbird makes the VirtualService and the DestinationRule, and owns them whole. */
export const istioRouter: Router<IstioLive, VirtualService | DestinationRule> = {
  read,
  plan,
  remove,
  check: checkIstio,
};

function read(release: CanaryRelease, live: IstioLive): TrafficView {
  const rule = owned(release, live.destinationRule);
  const service = owned(release, live.virtualService);
  const subsets = (rule?.spec.subsets ?? []).map(({ name }) => name);
  const ruleDrifted = rule !== undefined && !sameRule(destinationRule(release, subsets), rule);
  if (service === undefined) return { weights: undefined, subsets, drifted: ruleDrifted, effective: true };
  const weights = weightsOf(service);
  const intended = virtualService(release, weights);
  return {
    weights,
    subsets,
    drifted: ruleDrifted || !sameRoutes(intended, service),
    effective: isEffective(service),
  };
}

function plan(
  release: CanaryRelease,
  desired: DesiredTraffic,
  live: IstioLive,
): TrafficWrite<VirtualService | DestinationRule> | undefined {
  const rule = owned(release, live.destinationRule);
  const service = owned(release, live.virtualService);
  const present = (rule?.spec.subsets ?? []).map(({ name }) => name);
  const routed = service === undefined ? [] : Object.keys(weightsOf(service));
  const named = Object.keys(desired.weights);

  const needed = [...new Set([...present, ...routed, ...named])].sort();
  // Without a DestinationRule no subset gets anything, so weight can be taken at once: that it can't be made, as somebody
  // else's has its name, must not hold a rollback up.
  const isLeaving = rule === undefined && service !== undefined && desired.urgent;
  if (!isLeaving && (rule === undefined || named.some((subset) => !present.includes(subset)))) {
    return { kind: 'apply', object: destinationRule(release, needed) };
  }
  const routes = virtualService(release, desired.weights);
  if (desired.weightsOnly && service !== undefined) keepHosts(routes, service);
  if (service === undefined || !sameRoutes(routes, service)) return { kind: 'apply', object: routes };

  const trimmed = destinationRule(release, [...desired.subsets].sort());
  return rule !== undefined && sameRule(trimmed, rule) ? undefined : { kind: 'apply', object: trimmed };
}

function remove(
  release: CanaryRelease,
  live: IstioLive,
): TrafficWrite<VirtualService | DestinationRule> | undefined {
  const object = owned(release, live.virtualService) ?? owned(release, live.destinationRule);
  return object === undefined ? undefined : { kind: 'delete', object };
}

function virtualService(release: CanaryRelease, weights: Readonly<Record<string, number>>): VirtualService {
  const { hosts, gateways } = istioSpec(release);
  const { name, port, portName } = release.spec.service;
  // Through a gateway the listener's port says nothing about the Service's; inside the mesh it is the Service's.
  const throughGateway = gateways.some((gateway) => gateway !== MESH);
  const route = Object.entries(weights)
    .filter(([, weight]) => weight > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([subset, weight]) => ({
      destination: { host: name, subset, ...(throughGateway ? { port: { number: port } } : {}) },
      weight,
    }));
  return {
    apiVersion: API_VERSION,
    kind: 'VirtualService',
    metadata: metadata(release),
    spec: { hosts: [...hosts], gateways: [...gateways], ...routesFor(portName, port, hosts, route) },
  };
}

function routesFor(
  portName: string,
  port: number,
  hosts: readonly string[],
  route: NonNullable<Route['route']>,
): Pick<VirtualService['spec'], 'http' | 'tcp' | 'tls'> {
  const [protocol = ''] = portName.split('-');
  switch (protocol) {
    case 'https':
    case 'tls':
      return { tls: [{ match: [{ port, sniHosts: [...hosts] }], route }] };
    case 'tcp':
    case 'mongo':
    case 'mysql':
    case 'redis':
      return { tcp: [{ match: [{ port }], route }] };
    default:
      return { http: [{ route }] };
  }
}

function destinationRule(release: CanaryRelease, subsets: readonly string[]): DestinationRule {
  return {
    apiVersion: API_VERSION,
    kind: 'DestinationRule',
    metadata: metadata(release),
    spec: {
      host: release.spec.service.name,
      subsets: subsets.map((revision) => ({ name: revision, labels: { [LABELS.revision]: revision } })),
    },
  };
}

function metadata(release: CanaryRelease) {
  return {
    name: release.metadata.name,
    namespace: release.metadata.namespace ?? '',
    labels: { [LABELS.release]: release.metadata.name },
    ownerReferences: [ownerRefOf(release)],
  };
}

/** Percent by subset as the routes stand; whatever names no subset shows up as a missing share. */
function weightsOf(service: VirtualService): Record<string, number> {
  const [route] = service.spec.http ?? service.spec.tcp ?? service.spec.tls ?? [];
  const destinations = route?.route ?? [];
  const weights: Record<string, number> = {};
  for (const { destination, weight } of destinations) {
    // Istio: a single destination without a weight gets everything.
    const share = weight ?? (destinations.length === 1 ? 100 : 0);
    if (destination.subset !== undefined && share > 0) {
      weights[destination.subset] = (weights[destination.subset] ?? 0) + share;
    }
  }
  return weights;
}

/**
 * With `PILOT_ENABLE_STATUS` Istio says whether the proxies have taken a VirtualService over; without it, what the API
 * server has is all that can be known.
 */
function isEffective({ metadata: { generation }, status }: VirtualService): boolean {
  const reconciled = status?.conditions?.find(({ type }) => type === 'Reconciled');
  if (reconciled === undefined) return true;
  const seen =
    status?.observedGeneration === undefined || Number(status.observedGeneration) >= (generation ?? 0);
  return seen && reconciled.status === 'True';
}

function keepHosts(routes: VirtualService, live: VirtualService): void {
  const { hosts, gateways } = live.spec;
  if (hosts !== undefined) routes.spec.hosts = hosts;
  if (gateways !== undefined) routes.spec.gateways = gateways;
}

function sameRoutes(intent: VirtualService, live: VirtualService): boolean {
  return (['hosts', 'gateways', 'http', 'tcp', 'tls'] as const).every((field) =>
    isDeepStrictEqual(plain(intent.spec[field]), plain(live.spec[field])),
  );
}

function sameRule(intent: DestinationRule, live: DestinationRule): boolean {
  return (
    intent.spec.host === live.spec.host &&
    isDeepStrictEqual(plain(intent.spec.subsets), plain(live.spec.subsets ?? []))
  );
}

/** Prototype-free JSON, so that frozen and parsed objects compare equal; an empty list is no list. */
function plain(value: unknown): unknown {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return undefined;
  return JSON.parse(JSON.stringify(value)) as unknown;
}

function owned<T extends VirtualService | DestinationRule>(
  release: CanaryRelease,
  object: T | undefined,
): T | undefined {
  return object !== undefined && isOwnedBy(object, release) ? object : undefined;
}

function istioSpec(release: CanaryRelease): { hosts: readonly string[]; gateways: readonly string[] } {
  return release.spec.traffic.istio ?? { hosts: [], gateways: [] };
}
