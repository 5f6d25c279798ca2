/**
 * What the rest of Songbird knows of a Kubernetes API server: raw JSON objects and one interface.
 *
 * Two implementations exist: `HttpApiClient` (client.ts) for a real server, and the sandbox's in-process face.
 * Objects are what the server sent, never copies made by a typed client library: unknown fields survive, dates stay
 * strings.
 */

/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined };

/** `metadata.ownerReferences[]`. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** `metadata`, as far as any of our code reads it; other fields stay in the object untouched. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

/** Any Kubernetes object, as JSON. Treat an object that came from an informer as read-only. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** What a URL needs to know of a kind. `group` is '' for the core group. */
export interface ResourceType {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Names one object; `namespace` is absent for cluster-scoped kinds. */
export interface ObjectRef {
  readonly name: string;
  readonly namespace?: string | undefined;
}

/** `v1` or `apps/v1`. */
export function apiVersionOf(type: ResourceType): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** The well-known key of an object in queues and caches: `namespace/name`, or `name` where there is no namespace. */
export function keyOf(ref: ObjectRef): string {
  return ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`;
}

/** The inverse of {@link keyOf}. */
export function refOf(key: string): ObjectRef {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

export interface ListOptions {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  /** Page size; the answer's `continue` goes into the next request. */
  limit?: number | undefined;
  continue?: string | undefined;
  resourceVersion?: string | undefined;
  /** Gives the request up: it rejects with an ApiError of code 0. An implementation in memory may ignore it. */
  signal?: AbortSignal | undefined;
}

export interface ListResult<T extends KubeObject> {
  items: T[];
  resourceVersion: string;
  continue?: string | undefined;
}

export interface WatchOptions {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  resourceVersion: string;
  /** The server ends the watch after so many seconds. */
  timeoutSeconds?: number | undefined;
  /** Ends the watch from our side. */
  signal?: AbortSignal | undefined;
}

export type WatchEvent<T extends KubeObject> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; object: { metadata: { resourceVersion: string } } };

export interface WriteOptions {
  /** Name of the writer in managedFields; required for apply. */
  fieldManager?: string | undefined;
  /** Server-side apply only: take over fields that others own. */
  force?: boolean | undefined;
  dryRun?: boolean | undefined;
  /** A subresource such as `status` or `scale`. */
  subresource?: string | undefined;
  /** Is not held up by our own rate limits (a rollback must not queue behind routine writes); the server never sees it. */
  urgent?: boolean | undefined;
  /** After so long without an answer the call is given up (ms); what the client allows every call when left out. */
  timeoutMs?: number | undefined;
}

/** `json` is RFC 6902, `merge` RFC 7386, `apply` server-side apply. */
export type PatchType = 'json' | 'merge' | 'apply';

export interface DeleteOptions {
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  preconditions?: { uid?: string; resourceVersion?: string } | undefined;
}

/**
 * An API server. Every method rejects with {@link ApiError} when the server answers with a Status, or when there is no
 * answer (see its `reason`).
 */
export interface ApiClient {
  get<T extends KubeObject>(type: ResourceType, ref: ObjectRef): Promise<T>;
  list<T extends KubeObject>(type: ResourceType, options?: ListOptions): Promise<ListResult<T>>;
  /**
   * Streams events until the server ends the watch (the iteration ends), the signal aborts (the iteration ends), or
   * something fails (it throws ApiError; code 410 when the resourceVersion is too old).
   */
  watch<T extends KubeObject>(type: ResourceType, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(type: ResourceType, object: T, options?: WriteOptions): Promise<T>;
  /** PUT. With `metadata.resourceVersion` set, the server refuses a stale write with 409. */
  update<T extends KubeObject>(type: ResourceType, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(
    type: ResourceType,
    ref: ObjectRef,
    patchType: PatchType,
    patch: unknown,
    options?: WriteOptions,
  ): Promise<T>;
  delete(type: ResourceType, ref: ObjectRef, options?: DeleteOptions): Promise<void>;
}

/** The `Status` object that an API server answers errors with. */
export interface StatusBody {
  kind: 'Status';
  apiVersion: 'v1';
  /** With `continue` where the page of a list has expired. */
  metadata: { continue?: string };
  status: 'Success' | 'Failure';
  message: string;
  reason: string;
  code: number;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    uid?: string;
    retryAfterSeconds?: number;
    causes?: { reason?: string; message?: string; field?: string }[];
  };
}

/**
 * An answer that is no success. `code` is the HTTP status, or 0 when there was no answer: then `reason` is `Timeout` or
 * `ConnectionFailed`, and a write may or may not have been applied.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: number;
  readonly reason: string;
  readonly retryAfterSeconds: number | undefined;
  readonly body: StatusBody | undefined;

  constructor(
    code: number,
    reason: string,
    message: string,
    more: { body?: StatusBody | undefined; cause?: unknown; retryAfterSeconds?: number | undefined } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.reason = reason;
    this.body = more.body;
    this.retryAfterSeconds = more.retryAfterSeconds ?? more.body?.details?.retryAfterSeconds;
  }
}

/** True for an ApiError with this HTTP status. */
export function isApiError(error: unknown, code?: number): error is ApiError {
  return error instanceof ApiError && (code === undefined || error.code === code);
}
