import { type Core, envOf } from './core.ts';
import { decodeBody, type Decoded } from './decode.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  forbidden,
  internal,
  invalid,
  invalidValue,
  notFound,
  staleWrite,
} from './errors.ts';
import { CRD_TABLE } from './kinds/crd.ts';
import { trackManager } from './managers.ts';
import {
  keepSystemMetadata,
  metadataOf,
  tidyMetadata,
  validateMetadata,
  validateMetadataUpdate,
} from './metadata.ts';
import { equal, textOf, without, type JsonObject, type Meta, type Stored } from './object.ts';
import { keyFor, present } from './reads.ts';
import type { ApiRequest, ApiResult } from './request.ts';
import type { Resource } from './resource.ts';

/** Longer prefixes of generated names are cut, so that the names stay labels. */
const LONGEST_PREFIX = 58;

/**
 * Creates an object.
 * @throws ApiError 400, 404 (no such namespace), 409, 422
 */
export function create(core: Core, resource: Resource, request: ApiRequest): ApiResult {
  const { object: sent, warnings } = decodeBody(resource, request.body, undefined, request);
  return store(core, resource, request, createFrom(core, resource, request, sent), warnings);
}

/**
 * What a client's object becomes when it is created: the system's metadata, defaults, checks.
 * @throws ApiError 400, 404, 409, 422
 */
export function createFrom(
  core: Core,
  resource: Resource,
  request: ApiRequest,
  sent: Stored,
  tracked = false,
): Stored {
  const env = envOf(core);
  checkDefinition(core, resource, sent);
  checkNamespace(core, resource, request, sent);
  if (sent.metadata.resourceVersion !== undefined) {
    throw internal('resourceVersion should not be set on objects to be created');
  }
  const metadata: Meta = {
    ...without(sent.metadata, 'deletionTimestamp', 'deletionGracePeriodSeconds', 'selfLink'),
    ...(request.namespace === undefined ? {} : { namespace: request.namespace }),
    uid: core.random.uid(),
    creationTimestamp: env.now,
    ...(resource.rules.newGeneration === undefined ? {} : { generation: 1 }),
  };
  if (metadata.name === '' && metadata.generateName !== undefined) {
    metadata.name = metadata.generateName.slice(0, LONGEST_PREFIX) + core.random.suffix();
  }
  const accepted = tracked
    ? { ...sent, metadata }
    : trackManager(resource, request, env.now, undefined, { ...sent, metadata });
  const initial = resource.subresources.includes('status') ? without(accepted, 'status') : accepted;
  const object = resource.rules.prepare?.(initial, undefined, env) ?? initial;
  const errors = [
    ...validateMetadata(resource, object),
    ...(resource.rules.validate?.(object, undefined, undefined) ?? []),
  ];
  if (errors.length > 0) throw invalid(storedGroup(resource), resource.kind, object.metadata.name, errors);
  const live = core.store.get(resource.table, keyFor(request.namespace, object.metadata.name));
  if (live !== undefined) {
    throw alreadyExists(resource, object.metadata.name, live.metadata.deletionTimestamp !== undefined);
  }
  return { ...object, metadata: tidyMetadata(object.metadata) };
}

function checkDefinition({ store }: Core, resource: Resource, sent: Stored): void {
  const definition = resource.custom ? store.get(CRD_TABLE, resource.table) : undefined;
  if (definition?.metadata.deletionTimestamp === undefined) return;
  const why = 'create not allowed while custom resource definition is terminating';
  throw forbidden(resource, sent.metadata.name, why);
}

function checkNamespace(
  { store, resources }: Core,
  resource: Resource,
  request: ApiRequest,
  sent: Stored,
): void {
  const { namespace } = request;
  if (namespace === undefined) return;
  if (sent.metadata.namespace !== undefined && sent.metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  const namespaces = resources.find('', 'v1', 'namespaces');
  const found = store.get('namespaces', namespace);
  if (namespaces !== undefined && found === undefined) throw notFound(namespaces, namespace);
  if (found?.metadata.deletionTimestamp === undefined) return;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  throw forbidden(resource, sent.metadata.name, why, {
    reason: 'NamespaceTerminating',
    message: `namespace ${namespace} is being terminated`,
    field: 'metadata.namespace',
  });
}

/**
 * Replaces an object, or one subresource of it.
 * @throws ApiError 400, 404, 409, 422
 */
export function update(core: Core, resource: Resource, request: ApiRequest): ApiResult {
  const name = request.name ?? '';
  const live = core.store.get(resource.table, keyFor(request.namespace, name));
  const old = live === undefined ? undefined : present(resource, live);
  const decoded = decodeBody(resource, request.body, old, request);
  checkIdentity(request, metadataOf(decoded.object));
  if (old === undefined) {
    if (resource.rules.createOnUpdate === true && request.subresource === undefined) {
      checkUid(resource, request, decoded.object, undefined);
      // Whatever version it was written for.
      const metadata = without(decoded.object.metadata, 'resourceVersion');
      const created = createFrom(core, resource, request, { ...decoded.object, metadata });
      return store(core, resource, request, created, decoded.warnings);
    }
    throw notFound(resource, name);
  }
  checkUid(resource, request, decoded.object, old);
  checkVersion(resource, decoded.object, old);
  return replace(core, resource, request, decoded, old);
}

function checkUid(resource: Resource, request: ApiRequest, sent: Stored, old: Stored | undefined): void {
  const { uid } = sent.metadata;
  if (uid === undefined || uid === old?.metadata.uid) return;
  const name = request.name ?? '';
  throw conflict(
    resource,
    name,
    `StorageError: invalid object, Code: 4, Key: /registry/${resource.plural}/${keyFor(request.namespace, name)}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old?.metadata.uid ?? ''}`,
  );
}

/**
 * Checks that a body names the object that the URL names.
 * @throws ApiError 400
 */
export function checkIdentity({ name, namespace }: ApiRequest, metadata: JsonObject): void {
  const named = textOf(metadata['name']);
  if (named !== name) {
    throw badRequest(
      named === ''
        ? `the name of the object (${name ?? ''} based on URL) was undeterminable: name must be provided`
        : `the name of the object (${named}) does not match the name on the URL (${name ?? ''})`,
    );
  }
  const inNamespace = textOf(metadata['namespace']);
  if (inNamespace !== '' && inNamespace !== (namespace ?? '')) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
}

/**
 * Checks the resourceVersion that a body names, if any.
 * @throws ApiError 409, 422 or 500
 */
export function checkVersion(resource: Resource, sent: Stored, old: Stored): void {
  const { resourceVersion } = sent.metadata;
  if (resourceVersion === undefined) {
    if (resource.rules.unconditionalUpdate) return;
    const error = invalidValue('metadata.resourceVersion', 0, 'must be specified for an update');
    throw invalid(resource.group, resource.plural, old.metadata.name, [error]);
  }
  if (!/^\d+$/.test(resourceVersion)) {
    throw internal(`strconv.ParseUint: parsing ${JSON.stringify(resourceVersion)}: invalid syntax`);
  }
  if (resourceVersion !== old.metadata.resourceVersion) throw staleWrite(resource, old.metadata.name);
}

// Validation names the kind as it is stored.
function storedGroup({ table }: Resource): string {
  const dot = table.indexOf('.');
  return dot < 0 ? '' : table.slice(dot + 1);
}

/**
 * The second half of every update and patch: what the write may change is taken, the rest kept; the result is
 * validated and stored, or, where nothing changed, not.
 * `tracked` says that managedFields are settled already, as server-side apply does it.
 */
export function replace(
  core: Core,
  resource: Resource,
  request: ApiRequest,
  { object: sent, warnings }: Decoded,
  old: Stored,
  tracked = false,
): ApiResult {
  const env = envOf(core);
  const { rules } = resource;
  const own = tracked ? sent : trackManager(resource, request, env.now, old, sent);
  const kept: Stored = { ...own, metadata: keepSystemMetadata(own.metadata, old.metadata) };
  const scoped = scopeOf(resource, request, kept, old);
  const prepared = rules.prepare?.(scoped, old, env) ?? scoped;
  const immutable = validateMetadataUpdate(prepared.metadata, old.metadata);
  const errors = [
    // Twice, as the real server does: once for all kinds, once with the kind's own rules.
    ...immutable,
    ...immutable,
    ...validateMetadata(resource, prepared),
    ...(rules.validate?.(prepared, old, request.subresource) ?? []),
  ];
  if (errors.length > 0) throw invalid(storedGroup(resource), resource.kind, old.metadata.name, errors);
  const bumped =
    request.subresource !== 'status' && rules.newGeneration?.(prepared, old) === true
      ? { ...prepared, metadata: { ...prepared.metadata, generation: (old.metadata.generation ?? 0) + 1 } }
      : prepared;
  const final = { ...bumped, metadata: tidyMetadata(bumped.metadata) };
  if (sameContent(final, old)) return { type: 'object', object: old, created: false, warnings };
  return store(core, resource, request, final, warnings, old);
}

function scopeOf(resource: Resource, request: ApiRequest, sent: Stored, old: Stored): Stored {
  if (request.subresource === undefined) {
    if (!resource.subresources.includes('status')) return sent;
    const { status } = old;
    return status === undefined ? without(sent, 'status') : { ...sent, status };
  }
  if (request.subresource !== 'status') return sent;
  const prepared = resource.rules.prepareStatus?.(sent, old);
  if (prepared !== undefined) return prepared;
  const { managedFields } = sent.metadata;
  const untracked = without(old.metadata, 'managedFields');
  const metadata = managedFields === undefined ? untracked : { ...untracked, managedFields };
  const { status } = sent;
  return status === undefined ? { ...without(old, 'status'), metadata } : { ...old, metadata, status };
}

// A write that changes nothing but the times in managedFields is no write.
function sameContent(a: Stored, b: Stored): boolean {
  return sameBut(a, b, 'metadata') && sameMetadata(a.metadata, b.metadata);
}

function sameBut(a: JsonObject, b: JsonObject, ...ignored: string[]): boolean {
  for (const key of Object.keys(a)) if (!ignored.includes(key) && !equal(a[key], b[key])) return false;
  for (const key of Object.keys(b)) {
    if (a[key] === undefined && b[key] !== undefined && !ignored.includes(key)) return false;
  }
  return true;
}

function sameMetadata(a: Meta, b: Meta): boolean {
  const [mine = [], theirs = []] = [a.managedFields, b.managedFields];
  return (
    sameBut(a, b, 'resourceVersion', 'managedFields') &&
    mine.length === theirs.length &&
    mine.every((entry, index) => sameBut(entry, theirs[index] ?? {}, 'time'))
  );
}

/** Stores an object, or removes it where it was being deleted and its last finalizer went. */
export function store(
  { store: objects }: Core,
  resource: Resource,
  request: ApiRequest,
  object: Stored,
  warnings: string[],
  old?: Stored,
): ApiResult {
  const created = old === undefined;
  const { metadata } = object;
  const key = keyFor(metadata.namespace, metadata.name);
  const finished = !created && isFinished(resource, object);
  if (request.options.dryRun === true) {
    const version = old?.metadata.resourceVersion;
    const shown =
      version === undefined ? object : { ...object, metadata: { ...metadata, resourceVersion: version } };
    return { type: 'object', object: shown, created, warnings };
  }
  if (finished) {
    objects.write(resource.table, key, undefined);
    const version = old.metadata.resourceVersion ?? '';
    const last = { ...object, metadata: { ...metadata, resourceVersion: version } };
    return { type: 'object', object: last, created, warnings };
  }
  const stored = objects.write(resource.table, key, resource.toStored?.(object) ?? object);
  return {
    type: 'object',
    object: stored === undefined ? object : present(resource, stored),
    created,
    warnings,
  };
}

/** True when nothing holds back the deletion of an object any more. */
export function isFinished(resource: Resource, object: Stored): boolean {
  const { deletionTimestamp, finalizers = [], deletionGracePeriodSeconds = 0 } = object.metadata;
  if (deletionTimestamp === undefined || finalizers.length > 0 || deletionGracePeriodSeconds > 0)
    return false;
  return resource.rules.held?.(object) !== true;
}
