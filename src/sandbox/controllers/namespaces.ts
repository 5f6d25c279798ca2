import { listOf, at, type Stored } from '../cluster/object.ts';
import type { Change } from '../cluster/store.ts';
import { type ControllerHost, NAMESPACES, type SystemClient, TABLES } from './host.ts';
import type { Loop } from './loop.ts';

/** Empties Namespaces that are being deleted, and lets them go. */
export class NamespaceController {
  readonly #host: ControllerHost;
  readonly #client: SystemClient;
  readonly #loop: Loop;

  constructor(host: ControllerHost, client: SystemClient, loop: Loop) {
    this.#host = host;
    this.#client = client;
    this.#loop = loop;
  }

  /** Any object came, changed or went. */
  changed({ table, before, after }: Change): void {
    const name = table === TABLES.namespaces ? after?.metadata.name : before?.metadata.namespace;
    if (name === undefined || (table !== TABLES.namespaces && after !== undefined)) return;
    const namespace = this.#client.get(TABLES.namespaces, name);
    if (namespace?.metadata.deletionTimestamp !== undefined) {
      this.#loop.mark('namespace', name, this.#reconcile);
    }
  }

  readonly #reconcile = (name: string): void => {
    const namespace = this.#client.get(TABLES.namespaces, name);
    if (namespace?.metadata.deletionTimestamp === undefined) return;
    const { store, resources } = this.#host.core;
    let left = 0;
    for (const table of store.tables()) {
      const resource = resources.ofTable(table);
      if (resource?.namespaced !== true) continue;
      for (const object of store.list(table, `${name}/`)) {
        if (object.metadata.deletionTimestamp === undefined) this.#client.delete(resource, object);
      }
      left += store.list(table, `${name}/`).length;
    }
    if (left === 0) this.#release(namespace);
  };

  #release(namespace: Stored): void {
    const finalizers = listOf(at(namespace, 'spec', 'finalizers')).filter((other) => other !== 'kubernetes');
    this.#client.update(NAMESPACES, { ...namespace, spec: { finalizers } }, 'finalize');
  }
}
