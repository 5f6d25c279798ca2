import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import type { Agent, Dispatcher } from 'undici';
import type { KubeObject } from '../../../src/kube/types.ts';
import { newAgent } from '../control-plane/access.ts';
import type { ServerAccess } from '../control-plane/access.ts';
import { messageOf } from '../control-plane/build.ts';

/** Kinds that the harness and its scenarios use, with their paths. Cluster-scoped ones have `cluster: true`. */
const KINDS = {
  ClusterRole: { path: '/apis/rbac.authorization.k8s.io/v1', plural: 'clusterroles', cluster: true },
  ClusterRoleBinding: {
    path: '/apis/rbac.authorization.k8s.io/v1',
    plural: 'clusterrolebindings',
    cluster: true,
  },
  ConfigMap: { path: '/api/v1', plural: 'configmaps' },
  Event: { path: '/api/v1', plural: 'events' },
  Namespace: { path: '/api/v1', plural: 'namespaces', cluster: true },
  Node: { path: '/api/v1', plural: 'nodes', cluster: true },
  Pod: { path: '/api/v1', plural: 'pods' },
  ResourceQuota: { path: '/api/v1', plural: 'resourcequotas' },
  Secret: { path: '/api/v1', plural: 'secrets' },
  Service: { path: '/api/v1', plural: 'services' },
  ServiceAccount: { path: '/api/v1', plural: 'serviceaccounts' },
  Deployment: { path: '/apis/apps/v1', plural: 'deployments' },
  ReplicaSet: { path: '/apis/apps/v1', plural: 'replicasets' },
  Job: { path: '/apis/batch/v1', plural: 'jobs' },
  Lease: { path: '/apis/coordination.k8s.io/v1', plural: 'leases' },
  Role: { path: '/apis/rbac.authorization.k8s.io/v1', plural: 'roles' },
  RoleBinding: { path: '/apis/rbac.authorization.k8s.io/v1', plural: 'rolebindings' },
  DestinationRule: { path: '/apis/networking.istio.io/v1', plural: 'destinationrules' },
  VirtualService: { path: '/apis/networking.istio.io/v1', plural: 'virtualservices' },
  AnalysisTemplate: { path: '/apis/songbird.dev/v1alpha1', plural: 'analysistemplates' },
  ClusterAnalysisTemplate: {
    path: '/apis/songbird.dev/v1alpha1',
    plural: 'clusteranalysistemplates',
    cluster: true,
  },
  CanaryRelease: { path: '/apis/songbird.dev/v1alpha1', plural: 'canaryreleases' },
  ReleaseCommand: { path: '/apis/songbird.dev/v1alpha1', plural: 'releasecommands' },
} as const satisfies Record<string, { path: string; plural: string; cluster?: boolean }>;

export type Kind = keyof typeof KINDS;

/** A refusal of the API server. `message` is the server's own sentence. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/**
 * A small client of the API server, made for the tests: it shares no code with the operator's, so that a fault of the
 * one cannot hide in the other. Every call rejects with {@link Refused}, or with the connection's error.
 */
export class Kube {
  readonly #server: ServerAccess;
  readonly #agent: Agent;

  constructor(server: ServerAccess) {
    this.#server = server;
    this.#agent = newAgent(server);
  }

  get<T extends KubeObject>(kind: Kind, namespace: string, name: string): Promise<T> {
    return this.#json('GET', pathOf(kind, namespace, name));
  }

  /** The object, or undefined when there is none. */
  async find<T extends KubeObject>(kind: Kind, namespace: string, name: string): Promise<T | undefined> {
    try {
      return await this.get<T>(kind, namespace, name);
    } catch (error) {
      if (error instanceof Refused && error.status === 404) return undefined;
      throw error;
    }
  }

  /** All objects of a kind in a namespace ('' for all). */
  async list<T extends KubeObject>(kind: Kind, namespace: string, labelSelector = ''): Promise<T[]> {
    const query = labelSelector === '' ? '' : `?labelSelector=${encodeURIComponent(labelSelector)}`;
    return (await this.#json<{ items: T[] }>('GET', pathOf(kind, namespace) + query)).items;
  }

  create<T extends KubeObject>(object: T): Promise<T> {
    const { kind, namespace } = named(object);
    return this.#json('POST', pathOf(kind, namespace), object);
  }

  /** POST to a subresource, such as a pod's `binding`. */
  async post(kind: Kind, namespace: string, name: string, subresource: string, body: object): Promise<void> {
    await this.#json('POST', pathOf(kind, namespace, name, subresource), body);
  }

  /** Server-side apply with force: creates the object or changes the fields given, whoever owned them. */
  apply<T extends KubeObject>(object: T, fieldManager = 'e2e'): Promise<T> {
    const { kind, namespace, name } = named(object);
    const path = `${pathOf(kind, namespace, name)}?fieldManager=${fieldManager}&force=true`;
    return this.#json('PATCH', path, object, PATCH_TYPES.apply);
  }

  patch<T extends KubeObject>(
    kind: Kind,
    namespace: string,
    name: string,
    patch: unknown,
    options: { type?: keyof typeof PATCH_TYPES; subresource?: string } = {},
  ): Promise<T> {
    const path = pathOf(kind, namespace, name, options.subresource);
    return this.#json('PATCH', path, patch, PATCH_TYPES[options.type ?? 'merge']);
  }

  /** Deletes; without an object that is no error. */
  async delete(
    kind: Kind,
    namespace: string,
    name: string,
    options: { graceSeconds?: number; uid?: string | undefined; propagation?: string } = {},
  ): Promise<void> {
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: options.propagation,
      gracePeriodSeconds: options.graceSeconds,
      preconditions: options.uid === undefined ? undefined : { uid: options.uid },
    };
    try {
      await this.#json('DELETE', pathOf(kind, namespace, name), body);
    } catch (error) {
      if (!(error instanceof Refused && error.status === 404)) throw error;
    }
  }

  /** Any other path, such as `/metrics`; the answer as text. */
  async text(path: string): Promise<string> {
    return (await this.#send('GET', path)).body.text();
  }

  /**
   * Keeps the objects of a kind in all namespaces, by `namespace/name`, through broken connections and restarts of the
   * server; resolves when the first list is there. `onChange` is called after each change, with the object that changed.
   */
  async watch<T extends KubeObject>(
    kind: Kind,
    onChange: (object: T, gone: boolean) => void,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, T>> {
    const objects = new Map<string, T>();
    let version = await this.#relist(kind, objects, onChange, signal);
    void (async () => {
      while (!signal.aborted) {
        try {
          version = await this.#follow(kind, version, objects, onChange, signal);
        } catch {
          // Expired version, or a server that is gone: a new list mends both, and it says what is wrong by trying again.
          await delay(200, undefined, { signal }).catch(() => undefined);
          version = await this.#relist(kind, objects, onChange, signal).catch(() => '');
        }
      }
    })();
    return objects;
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async #relist<T extends KubeObject>(
    kind: Kind,
    objects: Map<string, T>,
    onChange: (object: T, gone: boolean) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const { plural, path } = KINDS[kind];
    const response = await this.#send('GET', `${path}/${plural}`, { signal });
    const list = (await response.body.json()) as { items: T[]; metadata: { resourceVersion: string } };
    const present = new Set(list.items.map(keyOf));
    for (const [key, object] of objects) {
      if (!present.has(key)) {
        objects.delete(key);
        onChange(object, true);
      }
    }
    for (const object of list.items) {
      const known = objects.get(keyOf(object));
      objects.set(keyOf(object), object);
      if (known?.metadata.resourceVersion !== object.metadata.resourceVersion) onChange(object, false);
    }
    return list.metadata.resourceVersion;
  }

  /** Follows changes until the server ends the watch; answers the version to go on from. */
  async #follow<T extends KubeObject>(
    kind: Kind,
    from: string,
    objects: Map<string, T>,
    onChange: (object: T, gone: boolean) => void,
    signal: AbortSignal,
  ): Promise<string> {
    if (from === '') throw new Error('there is no list yet');
    const { plural, path } = KINDS[kind];
    const url = `${path}/${plural}?watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=${from}`;
    const response = await this.#send('GET', url, { signal, bodyTimeout: 0 });
    let version = from;
    for await (const line of linesOf(response.body)) {
      const event = JSON.parse(line) as { type: string; object: T };
      if (event.type === 'ERROR') throw new Error(line);
      version = event.object.metadata.resourceVersion ?? version;
      if (event.type === 'BOOKMARK') continue;
      const gone = event.type === 'DELETED';
      if (gone) objects.delete(keyOf(event.object));
      else objects.set(keyOf(event.object), event.object);
      onChange(event.object, gone);
    }
    return version;
  }

  async #json<T>(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: unknown,
    contentType?: string,
  ): Promise<T> {
    const response = await this.#send(method, path, { body, contentType });
    return (await response.body.json()) as T;
  }

  async #send(
    method: Dispatcher.HttpMethod,
    path: string,
    more: {
      body?: unknown;
      contentType?: string | undefined;
      signal?: AbortSignal;
      bodyTimeout?: number;
    } = {},
  ): Promise<Dispatcher.ResponseData> {
    const response = await request(this.#server.url + path, {
      method,
      dispatcher: this.#agent,
      headersTimeout: 10_000,
      bodyTimeout: more.bodyTimeout ?? 10_000,
      signal: more.signal ?? null,
      headers: {
        ...(this.#server.token === undefined ? {} : { authorization: `Bearer ${this.#server.token}` }),
        'content-type': more.contentType ?? 'application/json',
      },
      body: more.body === undefined ? null : JSON.stringify(more.body),
    });
    if (response.statusCode < 300) return response;
    const text = await response.body.text();
    throw new Refused(response.statusCode, refusal(`${method} ${path}`, response.statusCode, text));
  }
}

function refusal(call: string, status: number, text: string): string {
  let message = text;
  try {
    message = (JSON.parse(text) as { message?: string }).message ?? text;
  } catch (error) {
    message ||= messageOf(error);
  }
  return `${call}: ${status} ${message}`;
}

async function* linesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line !== '');
  }
}

function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function named(object: KubeObject): { kind: Kind; namespace: string; name: string } {
  const { kind, metadata } = object;
  if (!(kind in KINDS)) throw new Error(`the harness knows no path of kind ${kind}: add it in kube.ts`);
  return { kind: kind as Kind, namespace: metadata.namespace ?? 'default', name: metadata.name };
}

function pathOf(kind: Kind, namespace: string, name?: string, subresource?: string): string {
  const { path, plural, ...scope } = KINDS[kind];
  const inside = 'cluster' in scope || namespace === '' ? '' : `/namespaces/${namespace}`;
  return [`${path}${inside}/${plural}`, name, subresource]
    .filter((part) => part !== undefined && part !== '')
    .join('/');
}
