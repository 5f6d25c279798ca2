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
      const where = gateway === 'mesh' || gateway.includes('/') ? gateway : `${namespace}/${gateway}`;
      claims.push(`host ${fullName(host, namespace)} at gateway ${where}`);
    }
  }
  return claims;
}

/**
 * One spelling for a host: `web`, `web.shop`, `web.shop.svc` and `web.shop.svc.cluster.local` are one Service. Of two parts
 * nobody can tell a Service from a domain such as `example.com`; taking both for the same refuses too much rather than
 * too little.
 */
function fullName(host: string, namespace: string): string {
  const [name = '', within = namespace, ...rest] = host.split('.');
  const isService = rest.length === 0 || rest[0] === 'svc';
  return isService && name !== '*' ? `${name}.${within}` : host;
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
