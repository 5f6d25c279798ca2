import { type CanaryReleaseObject, type Problem } from '../api/index.ts';

/**
 * What at most one CanaryRelease may manage: a Service, and a host at a gateway. Read from an unchecked object, since one
 * that breaks another rule still claims them.
 */
export function claimsOf(release: CanaryReleaseObject): string[] {
  const spec = record(release.spec);
  const namespace = release.metadata.namespace ?? '';
  const claims: string[] = [];
  const service = record(spec['service'])['name'];
  if (typeof service === 'string') claims.push(`Service ${namespace}/${service}`);
  const istio = record(record(spec['traffic'])['istio']);
  const gateways = strings(istio['gateways']);
  for (const host of strings(istio['hosts'])) {
    for (const gateway of gateways.length === 0 ? ['mesh'] : gateways) {
      // A short name means a Service of this namespace; a name with dots is the same everywhere.
      const scope = host.includes('.') ? host : `${namespace}/${host}`;
      claims.push(`host ${scope} at gateway ${gateway}`);
    }
  }
  return claims;
}

/** Another CanaryRelease that claims the same and came first: the older one keeps what it has. */
export function checkClaims(release: CanaryReleaseObject, others: readonly CanaryReleaseObject[]): Problem[] {
  const claims = new Set(claimsOf(release));
  for (const other of others) {
    if (other.metadata.uid === release.metadata.uid || !isOlder(other, release)) continue;
    const shared = claimsOf(other).find((claim) => claims.has(claim));
    if (shared === undefined) continue;
    const name = `${other.metadata.namespace ?? ''}/${other.metadata.name}`;
    const message = `CanaryRelease ${name} already manages ${shared}: delete one of the two, or give this one a Service and hosts of its own (spec.service.name, spec.traffic.istio.hosts)`;
    return [{ reason: 'WorkloadConflict', message }];
  }
  return [];
}

function isOlder(a: CanaryReleaseObject, b: CanaryReleaseObject): boolean {
  const rank = ({ metadata }: CanaryReleaseObject) =>
    [metadata.creationTimestamp ?? '', metadata.namespace ?? '', metadata.name].join('\u0000');
  return rank(a) < rank(b);
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
