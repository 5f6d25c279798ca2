import { compileCrd, type CompiledVersion } from './shim.ts';
import type { Core } from './core.ts';
import { timestamp } from './core.ts';
import { type FieldError, invalidValue } from './errors.ts';
import { DEFAULT_COLUMNS } from './kinds/define.ts';
import { trackManager } from './managers.ts';
import {
  at,
  equal,
  listOf,
  numberOf,
  objectOf,
  scalarText,
  textOf,
  without,
  type JsonObject,
  type Stored,
} from './object.ts';
import { type Column, groupResource, type Resource, type Rules } from './resource.ts';

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
  const compiled = compileCrd(crd);
  const names = objectOf(at(crd, 'spec', 'names'));
  return listOf(at(crd, 'spec', 'versions'))
    .map(objectOf)
    .filter((version) => version['served'] === true)
    .flatMap((version) => {
      const rules = compiled.versions.get(textOf(version['name']));
      return rules === undefined ? [] : [resourceOf(crd, names, version, rules)];
    });
}

function resourceOf(
  crd: Stored,
  names: JsonObject,
  version: JsonObject,
  compiled: CompiledVersion,
): Resource {
  const { group, plural } = namesOf(crd);
  const kind = textOf(names['kind']);
  const { scale } = compiled;
  return {
    group,
    version: textOf(version['name']),
    plural,
    singular: textOf(names['singular']),
    kind,
    listKind: textOf(names['listKind']),
    shortNames: listOf(names['shortNames']).map(textOf),
    categories: listOf(names['categories']).map(textOf),
    namespaced: at(crd, 'spec', 'scope') === 'Namespaced',
    table: groupResource({ group, plural }),
    custom: true,
    subresources: [...(compiled.hasStatus ? ['status'] : []), ...(scale === undefined ? [] : ['scale'])],
    scale:
      scale === undefined
        ? undefined
        : {
            specReplicas: keysOf(scale.specReplicasPath),
            statusReplicas: keysOf(scale.statusReplicasPath),
            selector: scale.labelSelectorPath ? keysOf(scale.labelSelectorPath) : undefined,
          },
    columns: columnsOf(version),
    schema: objectOf(at(version, 'schema', 'openAPIV3Schema')),
    rules: rulesOf(version, compiled),
  };
}

/** `.spec.replicas` as keys. */
function keysOf(path: string): string[] {
  return path.split('.').filter((key) => key !== '');
}

function columnsOf(version: JsonObject): readonly Column[] {
  const own = listOf(version['additionalPrinterColumns']).map(objectOf);
  const age = { name: 'Age', type: 'date', priority: 0, value: '.metadata.creationTimestamp' };
  const [name] = DEFAULT_COLUMNS;
  const columns = own.map((column) => ({
    name: textOf(column['name']),
    type: textOf(column['type']),
    format: textOf(column['format']) || undefined,
    description: textOf(column['description']) || undefined,
    priority: numberOf(column['priority']),
    value: textOf(column['jsonPath']),
  }));
  return [...(name === undefined ? [] : [name]), ...(own.length === 0 ? [age] : columns)];
}

function rulesOf(version: JsonObject, compiled: CompiledVersion): Rules {
  const withStatus = compiled.hasStatus;
  const counted = (object: Stored) => without(object, 'metadata', ...(withStatus ? ['status'] : []));
  const selectable = listOf(version['selectableFields']).map((field) => textOf(objectOf(field)['jsonPath']));
  const scalePaths = compiled.scale;
  return {
    name: 'subdomain',
    unconditionalUpdate: false,
    newGeneration: (after, before) => !equal(counted(after), counted(before)),
    decode: (object, old) => compiled.prepare(object, old),
    validate: (object, old) => [
      ...compiled.validate(object, old),
      ...(scalePaths === undefined ? [] : negativeReplicas(object, scalePaths.specReplicasPath)),
    ],
    ...(selectable.length === 0
      ? {}
      : {
          selectable: (object: Stored) =>
            Object.fromEntries(
              selectable.map((path) => [path.replace(/^\./, ''), scalarText(at(object, ...keysOf(path)))]),
            ),
        }),
  };
}

function negativeReplicas(object: Stored, path: string): FieldError[] {
  const replicas = numberOf(at(object, ...keysOf(path)));
  return replicas < 0 ? [invalidValue(path, replicas, 'should be a non-negative integer')] : [];
}
