import { compileCrd, type CompiledVersion } from '../schema/index.ts';
import type { Core } from './core.ts';
import { timestamp } from './core.ts';
import { DEFAULT_COLUMNS } from './kinds/define.ts';
import { trackManager } from './managers.ts';
import {
  at,
  equal,
  listOf,
  objectOf,
  scalarText,
  textOf,
  without,
  type JsonObject,
  type Stored,
} from './object.ts';
import { type Column, groupResource, type Resource, type Rules, type ScalePaths } from './resource.ts';

const TABLE = 'customresourcedefinitions.apiextensions.k8s.io';

/** Serves the kinds that CustomResourceDefinitions define, for as long as these exist. */
export class CrdRegistrar {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  start(): void {
    this.#core.store.listen(TABLE, ({ before, after }) => {
      if (before !== undefined && !equal(before['spec'], after?.['spec'])) this.#withdraw(before, after);
      if (after === undefined || equal(before?.['spec'], after['spec'])) return;
      for (const resource of resourcesOf(after)) this.#core.resources.add(resource);
      this.#establish(after);
    });
  }

  #withdraw(crd: Stored, after: Stored | undefined): void {
    const { store, resources } = this.#core;
    const table = groupResource(namesOf(crd));
    const keys = store.list(table).map(({ metadata: { namespace, name } }) => [namespace, name]);
    resources.remove(table);
    if (after !== undefined) return;
    for (const [namespace, name] of keys) {
      store.write(table, namespace === undefined ? (name ?? '') : `${namespace}/${name ?? ''}`, undefined);
    }
  }

  /** Writes the status that says that the kind is served. */
  #establish(crd: Stored): void {
    const { store, clock, resources } = this.#core;
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
    if (equal(status, crd['status'])) return;
    const established: Stored = { ...crd, status };
    const resource = resources.ofTable(TABLE);
    const request = {
      verb: 'update' as const,
      group: 'apiextensions.k8s.io',
      version: 'v1',
      plural: 'customresourcedefinitions',
      subresource: 'status',
      user: 'kube-apiserver',
      options: {},
    };
    store.write(
      TABLE,
      crd.metadata.name,
      resource === undefined ? established : trackManager(resource, request, now, crd, established),
    );
  }
}

function namesOf(crd: Stored): { group: string; plural: string } {
  return { group: textOf(at(crd, 'spec', 'group')), plural: textOf(at(crd, 'spec', 'names', 'plural')) };
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
    decode: (object, old) => version.prepare(object, old),
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
