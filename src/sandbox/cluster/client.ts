import type {
  ApiClient,
  DeleteOptions,
  Json,
  KubeObject,
  ListOptions,
  ListResult,
  ObjectRef,
  PatchType,
  ResourceType,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from '../../kube/types.ts';
import { ApiError } from '../../kube/types.ts';
import type { Cluster } from './cluster.ts';
import { jsonOf, type Stored } from './object.ts';
import type { ApiRequest, ApiResult, RequestOptions, Verb } from './request.ts';

export interface ClientOptions {
  /** Names the client in managedFields and to interceptors. */
  user?: string | undefined;
}

/**
 * The in-process face of a cluster. Objects that it gives are frozen and shared: copy before changing them. That they are
 * of the type that the caller names is the caller's knowledge, as with every JSON API.
 */
export class InProcessClient implements ApiClient {
  readonly #cluster: Cluster;
  readonly #user: string;

  constructor(cluster: Cluster, options: ClientOptions) {
    this.#cluster = cluster;
    this.#user = options.user ?? 'in-process';
  }

  async get<T extends KubeObject>(type: ResourceType, ref: ObjectRef): Promise<T> {
    return objectFrom(await this.#send('get', type, ref, {})) as KubeObject as T;
  }

  async list<T extends KubeObject>(type: ResourceType, options: ListOptions = {}): Promise<ListResult<T>> {
    const { namespace, ...query } = options;
    const result = await this.#send('list', type, { namespace }, query);
    if (result.type !== 'list') throw unexpected(result);
    const { items, resourceVersion, continue: next } = result.list;
    return { items: items as KubeObject[] as T[], resourceVersion, continue: next };
  }

  async *watch<T extends KubeObject>(
    type: ResourceType,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>> {
    const { namespace, signal, ...query } = options;
    const request = this.#request('watch', type, { namespace }, { ...query, allowWatchBookmarks: true });
    for await (const event of this.#cluster.watch(request, signal)) {
      if (event.type === 'BOOKMARK') {
        const { resourceVersion } = event.object.metadata;
        yield { type: 'BOOKMARK', object: { metadata: { resourceVersion } } };
      } else {
        yield { type: event.type, object: event.object as KubeObject as T };
      }
    }
  }

  async create<T extends KubeObject>(type: ResourceType, object: T, options: WriteOptions = {}): Promise<T> {
    const { namespace, name } = object.metadata;
    const ref = options.subresource === undefined ? { namespace } : { namespace, name };
    return objectFrom(await this.#send('create', type, ref, options, jsonOf(object))) as KubeObject as T;
  }

  async update<T extends KubeObject>(type: ResourceType, object: T, options: WriteOptions = {}): Promise<T> {
    const { namespace, name } = object.metadata;
    return objectFrom(
      await this.#send('update', type, { namespace, name }, options, jsonOf(object)),
    ) as KubeObject as T;
  }

  async patch<T extends KubeObject>(
    type: ResourceType,
    ref: ObjectRef,
    patchType: PatchType,
    patch: unknown,
    options: WriteOptions = {},
  ): Promise<T> {
    const request = this.#request('patch', type, ref, options, jsonOf(patch));
    return objectFrom(await this.#cluster.handle({ ...request, patchKind: patchType })) as KubeObject as T;
  }

  async delete(
    type: ResourceType,
    ref: ObjectRef,
    options: DeleteOptions & { gracePeriodSeconds?: number | undefined } = {},
  ): Promise<void> {
    await this.#send('delete', type, ref, options);
  }

  #send(
    verb: Verb,
    type: ResourceType,
    ref: Partial<ObjectRef>,
    options: RequestOptions & { subresource?: string | undefined },
    body?: Json,
  ): Promise<ApiResult> {
    return this.#cluster.handle(this.#request(verb, type, ref, options, body));
  }

  #request(
    verb: Verb,
    type: ResourceType,
    ref: Partial<ObjectRef>,
    options: RequestOptions & { subresource?: string | undefined },
    body?: Json,
  ): ApiRequest {
    const { subresource, ...rest } = options;
    return {
      verb,
      group: type.group,
      version: type.version,
      plural: type.plural,
      namespace: type.namespaced ? ref.namespace : undefined,
      name: ref.name,
      subresource,
      user: this.#user,
      body,
      options: rest,
    };
  }
}

function objectFrom(result: ApiResult): Stored {
  if (result.type === 'object') return result.object;
  if (result.type === 'list') throw unexpected(result);
  // The answer to a binding is a Status, which has no name.
  return { apiVersion: 'v1', kind: 'Status', metadata: { name: '' }, status: result.status.status };
}

function unexpected(result: ApiResult): ApiError {
  return new ApiError(500, 'InternalError', `the cluster answered with a ${result.type} where it should not`);
}
