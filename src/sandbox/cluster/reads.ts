import type { Json } from '../../kube/types.ts';
import {
  badRequest,
  expired,
  type FieldError,
  forbiddenField,
  internal,
  invalid,
  notFound,
  tooLargeVersion,
  unsupportedValue,
} from './errors.ts';
import { freeze, objectOf, type Stored } from './object.ts';
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

/**
 * The same for a watch, where the real server answers otherwise.
 * @throws ApiError 500
 */
export function parseWatchVersion(text: string | undefined): number | undefined {
  if (text === undefined || text === '' || /^\d+$/.test(text)) return parseVersion(text);
  const shown = JSON.stringify(text);
  throw internal(
    `resourceVersion: Invalid value: ${shown}: strconv.ParseUint: parsing ${shown}: invalid syntax`,
  );
}

/**
 * Checks `resourceVersionMatch` and `sendInitialEvents` against the other options.
 * @throws ApiError 422
 */
export function checkVersionMatch(options: RequestOptions, isWatch: boolean): void {
  const errors = versionMatchErrors(options, isWatch);
  if (errors.length > 0) throw invalid('meta.k8s.io', 'ListOptions', '', errors);
}

function versionMatchErrors(options: RequestOptions, isWatch: boolean): FieldError[] {
  const { resourceVersionMatch: match = '', resourceVersion: version = '', sendInitialEvents } = options;
  const field = 'resourceVersionMatch';
  if (isWatch && sendInitialEvents !== undefined && match !== 'NotOlderThan') {
    return [forbiddenField(field, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')];
  }
  if (!isWatch && sendInitialEvents !== undefined) {
    return [forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list')];
  }
  if (match === '') return [];
  if (isWatch) {
    if (sendInitialEvents !== undefined) return [];
    return [
      forbiddenField(
        field,
        'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      ),
    ];
  }
  if ((options.continue ?? '') !== '') {
    return [forbiddenField(field, 'resourceVersionMatch is forbidden when continue is provided')];
  }
  if (version === '') {
    return [forbiddenField(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided')];
  }
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    return [unsupportedValue(field, match, ['Exact', 'NotOlderThan', ''])];
  }
  return match === 'Exact' && version === '0'
    ? [forbiddenField(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')]
    : [];
}

/** In a token: go on with the list as it is now. */
const LATEST = -1;

interface ContinueToken {
  /** Revision of the snapshot that the pages are of. */
  readonly revision: number;
  /** The last key of the previous page, without the namespace where the list is of one. */
  readonly after: string;
}

// The real server's form: `start` is where the next page begins, just behind the last key.
function encodeToken({ revision, after }: ContinueToken): string {
  const token = {
    v: 'meta.k8s.io/v1',
    rv: revision,
    start: `${revision === LATEST ? '' : '/'}${after}\u0000`,
  };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function decodeToken(text: string | undefined): ContinueToken | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    const token = objectOf(JSON.parse(Buffer.from(text, 'base64url').toString()) as Json);
    const { rv, start } = token;
    if (typeof rv === 'number' && typeof start === 'string') {
      return { revision: rv, after: start.replace(/^\/|\0$/g, '') };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw badRequest('invalid continue token: continue key is not valid');
}

/**
 * One page of a list. Pages of one list show one revision.
 * @throws ApiError 400, 410 (an old continue token), 422 or 504 (a resourceVersion of the future)
 */
export function list(
  store: Store,
  resource: Resource,
  namespace: string | undefined,
  options: RequestOptions,
): ObjectList {
  checkVersionMatch(options, false);
  const matches = matcher(resource, options);
  const prefix = namespace === undefined ? '' : `${namespace}/`;
  const token = decodeToken(options.continue);
  const revision = revisionOf(store, options, token);
  const keyOf = ({ metadata }: Stored) => keyFor(metadata.namespace, metadata.name);
  const begin = token === undefined ? undefined : prefix + token.after;
  const rows = snapshot(store, resource, prefix, revision, token);
  const found = rows.filter((object) => matches(object) && (begin === undefined || keyOf(object) > begin));
  const limit = (options.limit ?? 0) <= 0 ? Infinity : (options.limit ?? 0);
  const items = found.slice(0, limit).map((object) => present(resource, object));
  const last = items.at(-1);
  // A full page has a next one where objects follow, selected or not.
  const isLast =
    last === undefined || items.length < limit || last.metadata.uid === rows.at(-1)?.metadata.uid;
  if (isLast) return { items, resourceVersion: String(revision) };
  const isSelective = (options.labelSelector ?? '') !== '' || (options.fieldSelector ?? '') !== '';
  return {
    items,
    resourceVersion: String(revision),
    continue: encodeToken({ revision, after: keyOf(last).slice(prefix.length) }),
    ...(isSelective ? {} : { remaining: found.length - limit }),
  };
}

function revisionOf(store: Store, options: RequestOptions, token: ContinueToken | undefined): number {
  const wanted = parseVersion(options.resourceVersion);
  if (token !== undefined) {
    if ((wanted ?? 0) > 0) {
      throw badRequest('specifying resource version is not allowed when using continue');
    }
    return token.revision === LATEST ? store.revision : token.revision;
  }
  if (wanted !== undefined && wanted > store.revision) throw tooLargeVersion(String(wanted), store.revision);
  return options.resourceVersionMatch === 'Exact' ? (wanted ?? store.revision) : store.revision;
}

function snapshot(
  store: Store,
  resource: Resource,
  prefix: string,
  revision: number,
  token: ContinueToken | undefined,
): Stored[] {
  if (revision === store.revision) return store.list(resource.table, prefix);
  if (revision < store.compacted) {
    if (token === undefined) throw expired(`The resourceVersion for the provided list is too old.`);
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
      encodeToken({ revision: LATEST, after: token.after }),
    );
  }
  return store.listAt(resource.table, prefix, revision);
}
