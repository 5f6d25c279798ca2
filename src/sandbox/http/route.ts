import { badRequest, invalid, type FieldError, invalidValue, unsupportedValue } from '../cluster/errors.ts';
import { isObject, textOf, type JsonObject } from '../cluster/object.ts';
import type { PatchKind, RequestOptions, Verb } from '../cluster/request.ts';

/** What a path of the API names. */
export interface Route {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** Parses `/api/v1/…` and `/apis/GROUP/VERSION/…`; undefined where the path names no resource. */
export function parsePath(path: string): Route | undefined {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const [root, ...rest] = parts;
  if (root !== 'api' && root !== 'apis') return undefined;
  const group = root === 'api' ? '' : (rest.shift() ?? '');
  const version = rest.shift() ?? '';
  let namespace: string | undefined;
  // /namespaces/NAME and its subresources name the Namespace itself.
  if (rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2] ?? '')) {
    namespace = rest[1];
    rest.splice(0, 2);
  }
  const [plural, name, subresource, ...more] = rest;
  if (version === '' || plural === undefined || more.length > 0) return undefined;
  return { group, version, plural, namespace, name, subresource };
}

/** The verb of a request, or undefined where the method doesn't fit the path. */
export function verbOf(method: string, { name }: Route, query: URLSearchParams): Verb | undefined {
  const watching = isTrue(query.get('watch'));
  switch (method) {
    case 'GET':
      if (name !== undefined) return 'get';
      return watching ? 'watch' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return name === undefined ? undefined : 'update';
    case 'PATCH':
      return name === undefined ? undefined : 'patch';
    case 'DELETE':
      return name === undefined ? 'deletecollection' : 'delete';
    default:
      return undefined;
  }
}

const PATCHES: Record<string, PatchKind> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
  'application/apply-patch+json': 'apply',
};

/** The kind of patch that a content type stands for. */
export function patchKindOf(contentType: string): PatchKind | undefined {
  return PATCHES[mediaType(contentType)];
}

/** The type itself, without its parameters. */
export function mediaType(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase();
}

function isTrue(value: string | null): boolean {
  return value !== null && value !== 'false' && value !== '0';
}

function numberFrom(query: URLSearchParams, key: string): number | undefined {
  const text = query.get(key);
  if (text === null || text === '') return undefined;
  const value = Number(text);
  if (!Number.isInteger(value))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return value;
}

/**
 * The options that a request's query and, for a delete, its body say.
 * @throws ApiError 400 or 422
 */
export function optionsOf(verb: Verb, query: URLSearchParams, body: unknown): RequestOptions {
  const text = (key: string) => query.get(key) ?? undefined;
  const dryRun = query.getAll('dryRun');
  if (dryRun.some((value) => value !== 'All')) {
    throw optionsError(verb, [unsupportedValue('dryRun', dryRun, ['All'])]);
  }
  const validation = text('fieldValidation');
  if (validation !== undefined && validation !== '' && !isValidation(validation)) {
    throw optionsError(verb, [
      unsupportedValue('fieldValidation', validation, ['', 'Ignore', 'Strict', 'Warn']),
    ]);
  }
  const options: RequestOptions = {
    labelSelector: text('labelSelector'),
    fieldSelector: text('fieldSelector'),
    limit: numberFrom(query, 'limit'),
    continue: text('continue'),
    resourceVersion: text('resourceVersion'),
    resourceVersionMatch: text('resourceVersionMatch'),
    timeoutSeconds: numberFrom(query, 'timeoutSeconds'),
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents: query.has('sendInitialEvents') ? isTrue(query.get('sendInitialEvents')) : undefined,
    fieldManager: text('fieldManager'),
    force: isTrue(query.get('force')),
    dryRun: dryRun.length > 0,
    fieldValidation: isValidation(validation) ? validation : 'Warn',
    propagationPolicy: text('propagationPolicy'),
    gracePeriodSeconds: numberFrom(query, 'gracePeriodSeconds'),
  };
  checkManager(verb, options.fieldManager ?? '');
  return verb === 'delete' || verb === 'deletecollection' ? withDeleteBody(options, body) : options;
}

const LONGEST_MANAGER = 128;

function checkManager(verb: Verb, manager: string): void {
  const field = 'fieldManager';
  if (Buffer.byteLength(manager) > LONGEST_MANAGER) {
    const message = `Too long: may not be more than ${LONGEST_MANAGER} bytes`;
    throw optionsError(verb, [{ field, reason: 'FieldValueTooLong', message }]);
  }
  if (/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(manager)) {
    throw optionsError(verb, [invalidValue(field, manager, 'should only contain printable characters')]);
  }
}

function isValidation(value: string | undefined): value is 'Ignore' | 'Warn' | 'Strict' {
  return value === 'Ignore' || value === 'Warn' || value === 'Strict';
}

const POLICIES = ['Foreground', 'Background', 'Orphan'];

function withDeleteBody(options: RequestOptions, body: unknown): RequestOptions {
  const sent: JsonObject = isObject(body) ? body : {};
  const preconditions = sent['preconditions'];
  const policy =
    typeof sent['propagationPolicy'] === 'string' ? sent['propagationPolicy'] : options.propagationPolicy;
  if (policy !== undefined && !POLICIES.includes(policy)) {
    throw optionsError('delete', [unsupportedValue('propagationPolicy', policy, [...POLICIES, 'nil'])]);
  }
  const orphan = sent['orphanDependents'];
  if (policy !== undefined && typeof orphan === 'boolean') {
    const why = 'orphanDependents and deletionPropagation cannot be both set';
    throw optionsError('delete', [invalidValue('propagationPolicy', policy, why)]);
  }
  const grace = sent['gracePeriodSeconds'];
  const uid = textOf(isObject(preconditions) ? preconditions['uid'] : undefined);
  const resourceVersion = textOf(isObject(preconditions) ? preconditions['resourceVersion'] : undefined);
  return {
    ...options,
    propagationPolicy: orphan === true ? 'Orphan' : policy,
    gracePeriodSeconds: typeof grace === 'number' ? grace : options.gracePeriodSeconds,
    dryRun: options.dryRun === true || (Array.isArray(sent['dryRun']) && sent['dryRun'].includes('All')),
    preconditions: {
      ...(uid === '' ? {} : { uid }),
      ...(resourceVersion === '' ? {} : { resourceVersion }),
    },
  };
}

const OPTION_KINDS: Partial<Record<Verb, string>> = {
  create: 'CreateOptions',
  update: 'UpdateOptions',
  patch: 'PatchOptions',
  delete: 'DeleteOptions',
  deletecollection: 'DeleteOptions',
};

/** 422 of wrong query parameters. */
export function optionsError(verb: Verb, errors: FieldError[]): Error {
  return invalid('meta.k8s.io', OPTION_KINDS[verb] ?? 'ListOptions', '', errors);
}
