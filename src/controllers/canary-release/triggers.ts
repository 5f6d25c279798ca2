import { type CanaryReleaseObject, LABELS, type Meta, type ReleaseCommand } from '../../api/index.ts';
import { type KubeObject, keyOf } from '../../kube/types.ts';
import { claimsOf } from '../../workloads/index.ts';
import { type Cache, INDEX, templateKey } from './caches.ts';

/** The kinds whose changes concern releases. */
export type WatchedKind = 'release' | 'command' | 'labelled' | 'service' | 'gateway' | 'template' | 'job';

/**
 * The keys of the releases that a change of this object concerns. Level-triggered: it says where to look, never what
 * happened.
 */
export function keysOf(
  kind: WatchedKind,
  object: KubeObject,
  releases: Cache<CanaryReleaseObject>,
): string[] {
  switch (kind) {
    case 'release':
      return [keyOf(object.metadata), ...rivals(object, releases)];
    case 'command': {
      const { spec } = object as ReleaseCommand;
      return [`${object.metadata.namespace ?? ''}/${spec.release}`];
    }
    case 'labelled':
      return releaseOfLabel(object);
    case 'job':
      return releaseOfJob(object);
    case 'template': {
      const { name, namespace } = object.metadata;
      return releases.byIndex(INDEX.template, templateKey(object.kind, namespace, name)).map(keyOfObject);
    }
    case 'service':
      return releases.byIndex(INDEX.need, `Service ${keyOf(object.metadata)}`).map(keyOfObject);
    case 'gateway':
      return releases.byIndex(INDEX.need, `Gateway ${keyOf(object.metadata)}`).map(keyOfObject);
  }
}

/** When the older of two that claim the same goes, the younger may start. */
function rivals(object: KubeObject, releases: Cache<CanaryReleaseObject>): string[] {
  return claimsOf(object as CanaryReleaseObject)
    .flatMap((claim) => releases.byIndex(INDEX.claim, claim))
    .map(keyOfObject);
}

/**
 * The Services and Gateways that a release names, as `Service shop/cart`: it wants to hear when they come, change or go.
 * Read from an unchecked object: one that breaks another rule still names them.
 */
export function needsOf({ metadata, spec }: CanaryReleaseObject): string[] {
  const { namespace = '' } = metadata;
  const { service, traffic } = record(spec);
  const { hosts, gateways } = record(record(traffic)['istio']);
  const services = [...strings([record(service)['name']]), ...strings(hosts)];
  const needs = [
    ...services.flatMap((host) => serviceAt(host, namespace)),
    ...strings(gateways).flatMap((gateway) => gatewayAt(gateway, namespace)),
  ];
  return [...new Set(needs)];
}

/** A short name is a Service of the namespace, and `cart.shop.svc.cluster.local` one of another; other hosts are none. */
function serviceAt(host: string, own: string): string[] {
  const [name = '', namespace = own, ...rest] = host.split('.');
  const isService = rest.length === 0 ? !/[.*]/.test(host) : rest[0] === 'svc';
  return isService ? [`Service ${namespace}/${name}`] : [];
}

function gatewayAt(gateway: string, own: string): string[] {
  if (gateway === 'mesh') return [];
  return [`Gateway ${gateway.includes('/') ? gateway : `${own}/${gateway}`}`];
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** `namespace/release` of an object that carries the release's label. */
export function releaseOfLabel({ metadata }: { metadata: Meta }): string[] {
  const release = metadata.labels?.[LABELS.release];
  return release === undefined ? [] : [`${metadata.namespace ?? ''}/${release}`];
}

/** `namespace/release` of a Job that measures. */
export function releaseOfJob({ metadata }: { metadata: Meta }): string[] {
  const release = metadata.labels?.[LABELS.analysis];
  return release === undefined ? [] : [`${metadata.namespace ?? ''}/${release}`];
}

/** The templates that a release names. Read from an unchecked object: one that breaks another rule still names them. */
export function templatesOf({ metadata, spec }: CanaryReleaseObject): string[] {
  const { analysis } = record(spec);
  const { templates } = record(analysis);
  if (!Array.isArray(templates)) return [];
  return templates.map((template: unknown) => {
    const { kind = 'AnalysisTemplate', name } = record(template);
    return templateKey(String(kind), metadata.namespace, String(name));
  });
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function keyOfObject(object: KubeObject): string {
  return keyOf(object.metadata);
}
