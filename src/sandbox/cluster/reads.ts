import { badRequest, expired, notFound, tooLargeVersion } from './errors.ts';
import { freeze, type Stored } from './object.ts';
import type { ObjectList, RequestOptions } from './request.ts';
import { groupVersion, type Resource } from './resource.ts';
import { parseFieldSelector, parseLabelSelector } from './selectors.ts';
import type { Store } from './store.ts';

/** The key of an object in its table. */
export function keyFor(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** A stored object as a version of its kind shows it. */
export function present(resource: Resource, object: Stored): Stored {
  if (resource.fromStored !== undefined) return freeze(resource.fromStored(object));
  const apiVersion = groupVersion(resource);
  return object.apiVersion === apiVersion ? object : freeze({ ...object, apiVersion });
}

/**
 * The stored object.
 * @throws ApiError 404
 */
export function read(store: Store, resource: Resource, namespace: string | undefined, name: string): Stored {
  const object = store.get(resource.table, keyFor(namespace, name));
  if (object === undefined) throw notFound(resource, name);
  return object;
}

/**
 * A predicate for the label and field selectors of a list, watch or deletecollection.
 * @throws ApiError 400
 */
export function matcher(resource: Resource, options: RequestOptions): (object: Stored) => boolean {
  const labels = options.labelSelector ?? '';
  const terms = parseFieldSelector(options.fieldSelector ?? '');
  const selectable = resource.rules.selectable;
  const known = Object.keys(selectable?.({ apiVersion: '', kind: '', metadata: { name: '' } }) ?? {});
  for (const { field } of terms) {
    if (field === 'metadata.name' || field === 'metadata.namespace' || known.includes(field)) continue;
    throw badRequest(
      selectable === undefined && !resource.custom
        ? `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`
        : `field label not supported: ${field}`,
    );
  }
  if (labels === '' && terms.length === 0) return () => true;
  const selects = parseLabelSelector(labels);
  return (object) => {
    if (!selects(object.metadata.labels ?? {})) return false;
    if (terms.length === 0) return true;
    const fields: Record<string, string | undefined> = {
      ...selectable?.(object),
      'metadata.name': object.metadata.name,
      'metadata.namespace': object.metadata.namespace,
    };
    return terms.every(({ field, value, negated }) => ((fields[field] ?? '') === value) !== negated);
  };
}

/**
 * Parses a resourceVersion of a query; '' and absence give undefined.
 * @throws ApiError 400
 */
export function parseVersion(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^\d+$/.test(text)) {
    throw badRequest(
      `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  return Number(text);
}

interface ContinueToken {
  /** Revision of the snapshot that the pages are of. */
  readonly rv: number;
  /** The last key of the previous page. */
  readonly after: string;
}

function encodeToken(token: ContinueToken): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function decodeToken(text: string): ContinueToken {
  try {
    const token: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (typeof token === 'object' && token !== null && 'rv' in token && 'after' in token) {
      const { rv, after } = token;
      if (typeof rv === 'number' && typeof after === 'string') return { rv, after };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw badRequest('invalid continue token: continue key is not valid');
}

/**
 * One page of a list. Pages of one list show one revision.
 * @throws ApiError 400, 410 (an old continue token) or 504 (a resourceVersion of the future)
 */
export function list(
  store: Store,
  resource: Resource,
  namespace: string | undefined,
  options: RequestOptions,
): ObjectList {
  const matches = matcher(resource, options);
  const prefix = namespace === undefined ? '' : `${namespace}/`;
  const token =
    options.continue === undefined || options.continue === '' ? undefined : decodeToken(options.continue);
  const wanted = parseVersion(options.resourceVersion);
  if (wanted !== undefined && wanted > store.revision) {
    throw tooLargeVersion(String(wanted), store.revision);
  }
  const exact = options.resourceVersionMatch === 'Exact' ? wanted : undefined;
  const revision = token?.rv ?? exact ?? store.revision;
  const rows = snapshot(store, resource, prefix, revision, token !== undefined);
  const found = rows.filter(
    (object) =>
      matches(object) &&
      (token === undefined || keyFor(object.metadata.namespace, object.metadata.name) > token.after),
  );
  const limit = options.limit === undefined || options.limit <= 0 ? found.length : options.limit;
  const items = found.slice(0, limit).map((object) => present(resource, object));
  const last = items.at(-1);
  const selective = (options.labelSelector ?? '') !== '' || (options.fieldSelector ?? '') !== '';
  return {
    items,
    resourceVersion: String(revision),
    ...(found.length > limit && last !== undefined
      ? {
          continue: encodeToken({
            rv: revision,
            after: keyFor(last.metadata.namespace, last.metadata.name),
          }),
          ...(selective ? {} : { remaining: found.length - limit }),
        }
      : {}),
  };
}

function snapshot(
  store: Store,
  resource: Resource,
  prefix: string,
  revision: number,
  paged: boolean,
): Stored[] {
  if (revision === store.revision) return store.list(resource.table, prefix);
  if (revision < store.compacted) {
    throw expired(
      paged
        ? 'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.'
        : `The resourceVersion for the provided list is too old.`,
    );
  }
  return store.listAt(resource.table, prefix, revision);
}
