import type { ResourceType } from './types.ts';

export type Query = Record<string, string | number | boolean | undefined>;

/**
 * Path and query of a request, such as `/apis/apps/v1/namespaces/shop/deployments/web/scale?dryRun=All`.
 * @param name undefined for the whole collection
 * @throws Error for a name that would make the path mean something else: an empty name turns the delete of one object
 *   into the delete of all
 */
export function pathOf(
  type: ResourceType,
  namespace: string | undefined,
  name: string | undefined,
  subresource?: string,
  query: Query = {},
): string {
  const parts = type.group === '' ? ['api', type.version] : ['apis', type.group, type.version];
  if (namespace !== undefined && type.namespaced)
    parts.push('namespaces', segment(type, 'namespace', namespace));
  parts.push(type.plural);
  if (name !== undefined) parts.push(segment(type, 'name', name));
  if (subresource !== undefined) parts.push(segment(type, 'subresource', subresource));
  const pairs = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) pairs.set(key, String(value));
  return `/${parts.join('/')}${pairs.size === 0 ? '' : `?${pairs.toString()}`}`;
}

/** The same for one object, whose namespace must be given where its kind has one. */
export function objectPath(
  type: ResourceType,
  ref: { name: string | undefined; namespace?: string | undefined },
  subresource?: string,
  query?: Query,
): string {
  if (type.namespaced && ref.namespace === undefined)
    throw new Error(`${type.kind} ${JSON.stringify(ref.name)}: metadata.namespace is missing`);
  return pathOf(type, ref.namespace, ref.name ?? '', subresource, query);
}

function segment(type: ResourceType, what: string, value: string): string {
  // The rule of Kubernetes for path segments, plus the empty one.
  if (value === '' || value === '.' || value === '..' || /[/%]/.test(value))
    throw new Error(`${type.kind}: the ${what} ${JSON.stringify(value)} is no valid ${what} of an object`);
  return encodeURIComponent(value);
}
