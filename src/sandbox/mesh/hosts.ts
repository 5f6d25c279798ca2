const SUFFIX = '.svc.cluster.local';

/** The full name of a Service. */
export function serviceHost(namespace: string, name: string): string {
  return `${name}.${namespace}${SUFFIX}`;
}

/** A host as written in an object of this namespace: names without a dot are Services of the same namespace. */
export function fullHost(host: string, namespace: string): string {
  const lower = host.toLowerCase();
  return lower.includes('.') || lower.startsWith('*') ? lower : serviceHost(namespace, lower);
}

/** Namespace and name of the Service that a full host names, or undefined when it is no Service's. */
export function serviceOf(host: string): { namespace: string; name: string } | undefined {
  if (!host.endsWith(SUFFIX)) return undefined;
  const [name, namespace, ...rest] = host.slice(0, -SUFFIX.length).split('.');
  if (name === undefined || namespace === undefined || rest.length > 0) return undefined;
  return { namespace, name };
}

/**
 * The names that a request's Host can mean, the likeliest first, as a resolver with Kubernetes' search domains would try
 * them: `shop`, `shop.demo`, `shop.demo.svc` and the full name are the same Service.
 * @param namespace the namespace of the caller
 */
export function requestHosts(host: string, namespace: string): string[] {
  const name = host.replace(/:\d+$/, '').replace(/\.$/, '').toLowerCase();
  const dots = name.split('.').length - 1;
  if (dots === 0) return [serviceHost(namespace, name), name];
  if (dots === 1) return [`${name}${SUFFIX}`, name];
  if (dots === 2 && name.endsWith('.svc')) return [`${name}.cluster.local`, name];
  return [name];
}

/** How well a VirtualService's host fits a name: 0 not at all, longer patterns better, exact best. */
export function hostFit(pattern: string, name: string): number {
  if (pattern === name) return Number.MAX_SAFE_INTEGER;
  if (!pattern.startsWith('*')) return 0;
  return name.endsWith(pattern.slice(1)) ? pattern.length : 0;
}
