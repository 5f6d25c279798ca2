import { compileCrd, type CompiledVersion } from '../schema/index.ts';
import { type Core, timestamp } from './core.ts';
import { remove } from './deletes.ts';
import { CLEANUP, CRD_TABLE } from './kinds/crd.ts';
import { DEFAULT_COLUMNS } from './kinds/define.ts';
import { trackManager } from './managers.ts';
import {
  at,
  equal,
  isObject,
  isStored,
  listOf,
  objectOf,
  scalarText,
  textOf,
  without,
  type JsonObject,
  type Meta,
  type Stored,
} from './object.ts';
import { keyFor } from './reads.ts';
import type { ApiRequest, Verb } from './request.ts';
import { type Column, groupResource, type Resource, type Rules, type ScalePaths } from './resource.ts';

/** Serves the kinds that CustomResourceDefinitions define, for as long as these exist. */
export class CrdRegistrar {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  start(): void {
    const { store } = this.#core;
    store.listen(CRD_TABLE, ({ before, after }) => {
      this.#changed(before, after);
    });
    store.listen('', ({ table, after }) => {
      if (after !== undefined || store.size(table) > 0) return;
      const crd = store.get(CRD_TABLE, table);
      if (crd !== undefined && isTerminating(crd)) this.#release(crd);
    });
  }

  #changed(before: Stored | undefined, after: Stored | undefined): void {
    const { resources } = this.#core;
    const respecified = !equal(before?.['spec'], after?.['spec']);
    if (before !== undefined && respecified) resources.remove(tableOf(before));
    if (after === undefined) return;
    if (respecified) {
      for (const resource of resourcesOf(after)) resources.add(resource);
      this.#establish(after);
    }
    const begins = isTerminating(after) && !(before !== undefined && isTerminating(before));
    if (begins) this.#deleteInstances(after);
  }

  /** Deletes the objects of a CustomResourceDefinition, and then itself, unless finalizers hold some of them. */
  #deleteInstances(crd: Stored): void {
    const { store, resources } = this.#core;
    const table = tableOf(crd);
    const resource = resources.ofTable(table);
    for (const { metadata } of store.list(table)) {
      if (resource === undefined) store.write(table, keyFor(metadata.namespace, metadata.name), undefined);
      else remove(this.#core, resource, systemRequest('delete', resource, metadata));
    }
    if (store.size(table) === 0) this.#release(crd);
    else this.#write(crd, { ...crd, status: deletionInProgress(crd) });
  }

  #release({ metadata }: Stored): void {
    const crd = this.#core.store.get(CRD_TABLE, metadata.name);
    if (crd === undefined) return;
    const finalizers = (crd.metadata.finalizers ?? []).filter((finalizer) => finalizer !== CLEANUP);
    const released = { ...crd, metadata: { ...crd.metadata, finalizers } };
    this.#core.store.write(CRD_TABLE, metadata.name, finalizers.length === 0 ? undefined : released);
  }

  /** Writes the status that says that the kind is served. */
  #establish(crd: Stored): void {
    const { clock } = this.#core;
    const now = timestamp(clock);
    const condition = (type: string, reason: string, message: string): JsonObject => ({
      type,
      status: 'True',
      lastTransitionTime: now,
      reason,
      message,
    });
    const before = listOf(at(crd, 'status', 'conditions'));
    const stored = listOf(at(crd, 'status', 'storedVersions')).map(textOf);
    const storage = storageVersion(crd);
    const status: JsonObject = {
      conditions:
        before.length > 0
          ? before
          : [
              condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
              condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
            ],
      acceptedNames: at(crd, 'spec', 'names') ?? {},
      storedVersions: stored.includes(storage) ? stored : [...stored, storage],
    };
    if (!equal(status, crd['status'])) this.#write(crd, { ...crd, status });
  }

  #write(before: Stored, after: Stored): void {
    const { store, clock, resources } = this.#core;
    const resource = resources.ofTable(CRD_TABLE);
    if (resource === undefined) return;
    const request = { ...systemRequest('update', resource, after.metadata), subresource: 'status' };
    store.write(
      CRD_TABLE,
      after.metadata.name,
      trackManager(resource, request, timestamp(clock), before, after),
    );
  }
}

function isTerminating({ metadata }: Stored): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function systemRequest(
  verb: Verb,
  { group, version, plural }: Resource,
  { namespace, name }: Meta,
): ApiRequest {
  return { verb, group, version, plural, namespace, name, user: 'kube-apiserver', options: {} };
}

function deletionInProgress(crd: Stored): JsonObject {
  const status = objectOf(crd['status']);
  const conditions = listOf(status['conditions']).map((item) =>
    objectOf(item)['type'] === 'Terminating'
      ? {
          ...objectOf(item),
          reason: 'InstanceDeletionInProgress',
          message: 'CustomResource deletion is in progress',
        }
      : item,
  );
  return { ...status, conditions };
}

function tableOf(crd: Stored): string {
  return groupResource({
    group: textOf(at(crd, 'spec', 'group')),
    plural: textOf(at(crd, 'spec', 'names', 'plural')),
  });
}

function storageVersion(crd: Stored): string {
  const versions = listOf(at(crd, 'spec', 'versions')).map(objectOf);
  return textOf(versions.find((version) => version['storage'] === true)?.['name']);
}

/** The served versions of a CustomResourceDefinition. */
function resourcesOf(crd: Stored): Resource[] {
  const { group, scope, names, versions } = compileCrd(crd);
  return versions
    .filter((version) => version.served)
    .map((version): Resource => ({
      ...names,
      group,
      version: version.name,
      namespaced: scope === 'Namespaced',
      table: groupResource({ group, plural: names.plural }),
      custom: true,
      subresources: [
        ...(version.hasStatus ? ['status'] : []),
        ...(version.scale === undefined ? [] : ['scale']),
      ],
      scale: scaleOf(version),
      columns: columnsOf(version),
      schema: version.schema,
      rules: rulesOf(version),
    }));
}

function scaleOf({ scale }: CompiledVersion): ScalePaths | undefined {
  if (scale === undefined) return undefined;
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = scale;
  return {
    specReplicas: keysOf(specReplicasPath),
    statusReplicas: keysOf(statusReplicasPath),
    selector: labelSelectorPath === undefined ? undefined : keysOf(labelSelectorPath),
  };
}

/** `.spec.replicas` as keys. */
function keysOf(path: string): string[] {
  return path.split('.').filter((key) => key !== '');
}

function columnsOf({ additionalPrinterColumns }: CompiledVersion): readonly Column[] {
  const age = { name: 'Age', type: 'date', priority: 0, value: '.metadata.creationTimestamp' };
  const own = additionalPrinterColumns.map(({ jsonPath, ...column }) => ({ ...column, value: jsonPath }));
  return [...DEFAULT_COLUMNS.slice(0, 1), ...(own.length === 0 ? [age] : own)];
}

function rulesOf(version: CompiledVersion): Rules {
  const { hasStatus, selectableFields } = version;
  const counted = (object: Stored) => without(object, 'metadata', ...(hasStatus ? ['status'] : []));
  return {
    name: 'subdomain',
    unconditionalUpdate: false,
    newGeneration: (after, before) => !equal(counted(after), counted(before)),
    decode: decoderOf(version),
    validate: (object, old, subresource) => version.validate(object, old, subresource),
    ...(selectableFields.length === 0
      ? {}
      : {
          selectable: (object: Stored) =>
            Object.fromEntries(
              selectableFields.map((path) => [
                path.replace(/^\./, ''),
                scalarText(at(object, ...keysOf(path))),
              ]),
            ),
        }),
  };
}

/**
 * Prepares objects, but not again those parts of them that came out of it before and are stored since: a write to the
 * status leaves the spec the same object, which also makes it cheap to compare.
 */
function decoderOf(version: CompiledVersion): Rules['decode'] {
  const prepared = new WeakSet<JsonObject>();
  return (object, old) => {
    const known: JsonObject = {};
    for (const [name, member] of Object.entries(object)) {
      if (isObject(member) && isStored(member) && prepared.has(member)) known[name] = member;
    }
    const result = { ...version.prepare(without(object, ...Object.keys(known)), old), ...known };
    for (const [name, member] of Object.entries(result)) {
      if (name !== 'metadata' && isObject(member)) prepared.add(member);
    }
    return result;
  };
}
