import { type Clock, systemClock } from '../../kube/clock.ts';
import type { ApiError } from '../../kube/types.ts';
import { type ControllerOptions, startControllers } from '../controllers/index.ts';
import { type ClientOptions, InProcessClient } from './client.ts';
import type { Core } from './core.ts';
import { CrdRegistrar } from './crds.ts';
import { remove, removeAll } from './deletes.ts';
import { methodNotAllowed, noSuchResource, notFound, verbNotSupported } from './errors.ts';
import { builtInResources } from './kinds/index.ts';
import { patch } from './patches.ts';
import { Random } from './random.ts';
import { list, present, read } from './reads.ts';
import type { ApiRequest, ApiResult, ClusterEvent, Interceptor } from './request.ts';
import { type Resource, Resources } from './resource.ts';
import { getScale, updateScale } from './scale.ts';
import { Store } from './store.ts';
import { bind, finalize } from './subresources.ts';
import { Watch } from './watch.ts';
import { create, update } from './writes.ts';

export interface ClusterOptions extends ControllerOptions {
  clock?: Clock | undefined;
  /** Seeds uids and generated names. */
  seed?: number | undefined;
  /** How many writes can be followed again by a watch; older resourceVersions are answered with 410. */
  historyLimit?: number | undefined;
  /** Time between the bookmarks of a watch, in ms. */
  bookmarkMs?: number | undefined;
  /** How long a watch lasts that sets no timeoutSeconds, in ms. */
  watchTimeoutMs?: number | undefined;
  /** False for an API server alone: Deployments make no pods, and owners leave their dependents behind. */
  controllers?: boolean | undefined;
}

const SYSTEM_NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

/**
 * A Kubernetes API server in memory, deterministic: what it does depends on its requests, its clock and its seed alone.
 * Every request is executed at once and in one piece.
 */
export class Cluster {
  readonly core: Core;
  readonly #timing: { bookmarkMs: number; timeoutMs: number };
  readonly #interceptors: Interceptor[] = [];
  readonly #watches = new Set<Watch>();
  #stopControllers: () => void = () => undefined;

  constructor(options: ClusterOptions = {}) {
    this.core = {
      store: new Store(options.historyLimit ?? 10_000),
      resources: new Resources(),
      clock: options.clock ?? systemClock,
      random: new Random(options.seed ?? 1),
    };
    this.#timing = {
      bookmarkMs: options.bookmarkMs ?? 60_000,
      timeoutMs: options.watchTimeoutMs ?? 45 * 60_000,
    };
    for (const resource of builtInResources()) this.core.resources.add(resource);
    new CrdRegistrar(this.core).start();
    for (const name of SYSTEM_NAMESPACES) this.#createNamespace(name);
    if (options.controllers !== false) this.#stopControllers = startControllers(this, options);
  }

  /** Ends watches and controllers: no timer of the cluster is left. */
  stop(): void {
    this.#stopControllers();
    this.endWatches();
  }

  /** The cluster's face as an ApiClient. `user` names the client in managedFields and to interceptors. */
  client(options: ClientOptions = {}): InProcessClient {
    return new InProcessClient(this, options);
  }

  /** Adds an interceptor; returns the way to take it out again. The first added is the first asked. */
  intercept(interceptor: Interceptor): () => void {
    this.#interceptors.push(interceptor);
    return () => {
      const index = this.#interceptors.indexOf(interceptor);
      if (index >= 0) this.#interceptors.splice(index, 1);
    };
  }

  /** Ends all watches, or those that `which` picks, as a restarting server does; with an error where one is given. */
  endWatches(which: (request: ApiRequest) => boolean = () => true, error?: ApiError): void {
    for (const watch of [...this.#watches]) {
      if (!which(watch.request)) continue;
      if (error === undefined) watch.close();
      else watch.fail(error);
    }
  }

  /** Forgets history, so that watches from older resourceVersions get 410. */
  compact(): void {
    this.core.store.compact();
  }

  /**
   * Executes any request but a watch, past the interceptors.
   * @throws ApiError
   */
  execute(request: ApiRequest): ApiResult {
    const resource = this.#resolve(request);
    switch (request.subresource ?? '') {
      case 'scale':
        return this.#executeScale(resource, request);
      case 'binding':
        return bind(this.core, resource, request);
      case 'finalize':
        return finalize(this.core, resource, request);
      default:
        return this.#executeVerb(resource, request);
    }
  }

  #executeVerb(resource: Resource, request: ApiRequest): ApiResult {
    if (request.subresource !== undefined && !['get', 'update', 'patch'].includes(request.verb)) {
      throw resource.custom ? verbNotSupported(resource, request.verb) : methodNotAllowed();
    }
    switch (request.verb) {
      case 'get': {
        const object = read(this.core.store, resource, request.namespace, request.name ?? '');
        return { type: 'object', object: present(resource, object), created: false, warnings: [] };
      }
      case 'list':
        return { type: 'list', list: list(this.core.store, resource, request.namespace, request.options) };
      case 'create':
        return create(this.core, resource, request);
      case 'update':
        return update(this.core, resource, request);
      case 'patch':
        return patch(this.core, resource, request);
      case 'delete':
        return remove(this.core, resource, request);
      case 'deletecollection':
        return removeAll(this.core, resource, request);
      case 'watch':
        throw methodNotAllowed();
    }
  }

  /**
   * Executes any request but a watch, through the interceptors.
   * @throws ApiError
   */
  async handle(request: ApiRequest): Promise<ApiResult> {
    for (const interceptor of this.#interceptors) await interceptor.before?.(request);
    const result = this.execute(request);
    for (const interceptor of this.#interceptors) await interceptor.after?.(request, result);
    return result;
  }

  /**
   * Opens a watch, through the interceptors. It ends by itself; break the iteration, or abort the signal, to end it.
   * @throws ApiError
   */
  async *watch(request: ApiRequest, signal?: AbortSignal): AsyncGenerator<ClusterEvent, void, undefined> {
    for (const interceptor of this.#interceptors) await interceptor.before?.(request);
    if (isAborted(signal)) return;
    const { store, clock } = this.core;
    const watch = new Watch(store, clock, this.#resolve(request), request, this.#timing);
    const close = () => {
      watch.close();
    };
    signal?.addEventListener('abort', close, { once: true });
    this.#watches.add(watch);
    try {
      for await (const event of watch) {
        const admitted = await this.#admits(request, event);
        if (isAborted(signal)) return;
        if (admitted) yield event;
      }
    } finally {
      this.#watches.delete(watch);
      signal?.removeEventListener('abort', close);
    }
  }

  async #admits(request: ApiRequest, event: ClusterEvent): Promise<boolean> {
    for (const interceptor of this.#interceptors) {
      if ((await interceptor.event?.(request, event)) === 'drop') return false;
    }
    return true;
  }

  #resolve(request: ApiRequest): Resource {
    const resource = this.core.resources.find(request.group, request.version, request.plural);
    if (resource === undefined) throw noSuchResource();
    const { subresource } = request;
    if (subresource !== undefined && !resource.subresources.includes(subresource)) {
      throw resource.custom ? notFound(resource, request.name ?? '') : noSuchResource();
    }
    return resource;
  }

  #executeScale(resource: Resource, request: ApiRequest): ApiResult {
    if (request.verb === 'get') return getScale(this.core, resource, request);
    if (request.verb === 'update' || request.verb === 'patch')
      return updateScale(this.core, resource, request);
    throw methodNotAllowed();
  }

  #createNamespace(name: string): void {
    this.execute({
      verb: 'create',
      group: '',
      version: 'v1',
      plural: 'namespaces',
      user: 'kube-apiserver',
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
      options: {},
    });
  }
}

// A function, because its answer may change between two calls.
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
