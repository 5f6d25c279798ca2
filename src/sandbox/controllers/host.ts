import type { Clock } from '../../kube/clock.ts';
import { ApiError } from '../../kube/types.ts';
import type { Core } from '../cluster/core.ts';
import type { JsonObject, Stored } from '../cluster/object.ts';
import type { ApiRequest, ApiResult, RequestOptions, Verb } from '../cluster/request.ts';
import { groupVersion, type Resource } from '../cluster/resource.ts';

/** What controllers need of a cluster. Requests are executed at once and are not intercepted. */
export interface ControllerHost {
  readonly core: Core;
  execute(request: ApiRequest): ApiResult;
}

/** Names a resource for a system component. */
export type TypeName = Pick<Resource, 'group' | 'version' | 'plural'>;

export const PODS: TypeName = { group: '', version: 'v1', plural: 'pods' };
export const NAMESPACES: TypeName = { group: '', version: 'v1', plural: 'namespaces' };
export const REPLICA_SETS: TypeName = { group: 'apps', version: 'v1', plural: 'replicasets' };
export const DEPLOYMENTS: TypeName = { group: 'apps', version: 'v1', plural: 'deployments' };

/** Tables of the store. */
export const TABLES = {
  pods: 'pods',
  namespaces: 'namespaces',
  replicaSets: 'replicasets.apps',
  deployments: 'deployments.apps',
};

/** A component's way to write to the cluster, under its own name. */
export class SystemClient {
  readonly #host: ControllerHost;
  readonly #user: string;

  constructor(host: ControllerHost, user: string) {
    this.#host = host;
    this.#user = user;
  }

  get clock(): Clock {
    return this.#host.core.clock;
  }

  /** The objects of a table, of one namespace where one is given. */
  list(table: string, namespace?: string): Stored[] {
    return this.#host.core.store.list(table, namespace === undefined ? '' : `${namespace}/`);
  }

  get(table: string, key: string): Stored | undefined {
    return this.#host.core.store.get(table, key);
  }

  create(type: TypeName, namespace: string | undefined, body: JsonObject): void {
    this.#send('create', type, namespace, undefined, body);
  }

  update(type: TypeName, object: Stored, subresource?: string): void {
    const { namespace, name } = object.metadata;
    // What is stored may be of another version of the kind.
    const body = { ...object, apiVersion: groupVersion(type) };
    this.#send('update', type, namespace, name, body, subresource);
  }

  /** Binds a pod to a node. */
  bind(pod: Stored, node: string): void {
    const { namespace, name } = pod.metadata;
    const body = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    };
    this.#send('create', PODS, namespace, name, body, 'binding');
  }

  /** Deletes an object, unless it is gone already. */
  delete(type: TypeName, { metadata }: Stored, options: RequestOptions = {}): void {
    const { namespace, name, uid } = metadata;
    try {
      this.#host.execute({
        ...this.#request('delete', type, namespace, name),
        options: { ...options, ...(uid === undefined ? {} : { preconditions: { uid } }) },
      });
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 404) throw error;
    }
  }

  #send(
    verb: Verb,
    type: TypeName,
    namespace: string | undefined,
    name: string | undefined,
    body: JsonObject,
    subresource?: string,
  ): void {
    this.#host.execute({ ...this.#request(verb, type, namespace, name), body, subresource });
  }

  #request(verb: Verb, type: TypeName, namespace: string | undefined, name: string | undefined): ApiRequest {
    const { group, version, plural } = type;
    return { verb, group, version, plural, namespace, name, user: this.#user, options: {} };
  }
}
