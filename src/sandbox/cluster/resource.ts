import type { FieldError } from './errors.ts';
import type { NameRule } from './names.ts';
import type { JsonObject, Stored } from './object.ts';
import type { Random } from './random.ts';

/** What a rule of a kind may use besides the objects. */
export interface Env {
  /** RFC 3339, whole seconds. */
  readonly now: string;
  readonly random: Random;
  /** Reads another object of the cluster, e.g. to see whether an address is taken. */
  readonly list: (table: string) => Stored[];
}

/** Where the scale subresource of a kind finds its numbers; paths as keys. */
export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** Of a selector in text form (custom resources) or of a LabelSelector object (built-in kinds). */
  readonly selector?: readonly string[] | undefined;
}

/** A column of `kubectl get`. `path` is a JSONPath for custom resources, a function for built-in kinds. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly format?: string | undefined;
  readonly description?: string | undefined;
  /** Above 0: only with `-o wide`. */
  readonly priority: number;
  readonly value: string | ((object: Stored, now: number) => string | number);
}

/**
 * What sets one kind apart from others in how its objects are written: the strategies of the real server. All members
 * are pure.
 */
export interface Rules {
  readonly name: NameRule;
  /** PUT without a resourceVersion is allowed. */
  readonly unconditionalUpdate: boolean;
  /** PUT creates what isn't there. */
  readonly createOnUpdate?: boolean;
  /** Whether this change counts as a new generation; absent where the kind has no generation. */
  readonly newGeneration?: (after: Stored, before: Stored) => boolean;
  /**
   * Decodes an object as a client sent it: drops unknown fields and fills in static defaults.
   * @throws ApiError 400 where the real server can't decode it.
   */
  readonly decode: (object: JsonObject, old: Stored | undefined) => JsonObject;
  /** Fills in what depends on more than the object, and keeps what a client may not change. */
  readonly prepare?: (object: Stored, old: Stored | undefined, env: Env) => Stored;
  readonly validate?: (
    object: Stored,
    old: Stored | undefined,
    subresource: string | undefined,
  ) => FieldError[];
  /** For a write to /status: the object to store, by default the old one with the new status. */
  readonly prepareStatus?: (object: Stored, old: Stored) => Stored;
  /** Fields that a write to /status leaves alone, where they aren't the usual ones. */
  readonly statusResets?: readonly (readonly string[])[];
  /** The answer to a deletion is the object, not a Status. */
  readonly returnsDeleted?: boolean;
  /** Something besides metadata.finalizers keeps an object that is being deleted. */
  readonly held?: (object: Stored) => boolean;
  /** For how many seconds a deleted object lives on, unless the request says how long; 0 where absent. */
  readonly graceSeconds?: (object: Stored) => number;
  /** Changes what a deletion marks. */
  readonly prepareDelete?: (object: Stored) => Stored;
  /** Fields for field selectors besides metadata.name and metadata.namespace. */
  readonly selectable?: (object: Stored) => Record<string, string | undefined>;
}

/** One version of a kind as the cluster serves it. */
export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Where its objects are stored; versions of a kind share it. */
  readonly table: string;
  /** Defined by a CustomResourceDefinition. */
  readonly custom: boolean;
  /** `status`, `scale`, … */
  readonly subresources: readonly string[];
  readonly scale?: ScalePaths | undefined;
  readonly columns: readonly Column[];
  /** The OpenAPI schema of its objects, with the `x-kubernetes-` extensions that merging needs. */
  readonly schema: JsonObject;
  /** What every object of the kind has without anyone's doing. */
  readonly empty?: JsonObject | undefined;
  readonly rules: Rules;
  /** From the stored form to this version's; absent where only `apiVersion` differs. */
  readonly fromStored?: (object: Stored) => Stored;
  /** The inverse of {@link fromStored}. */
  readonly toStored?: (object: Stored) => Stored;
}

/** `apps/v1`, or `v1` for the core group. */
export function groupVersion(type: { group: string; version: string }): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** `deployments.apps`, or `pods` for the core group: the name of a resource whatever its version. */
export function groupResource(type: { group: string; plural: string }): string {
  return type.group === '' ? type.plural : `${type.plural}.${type.group}`;
}

/** The resources that the cluster serves now. */
export class Resources {
  readonly #byPath = new Map<string, Resource>();
  readonly #byTable = new Map<string, Resource[]>();

  /** Every served version of every kind, in the order of being added. */
  all(): Resource[] {
    return [...this.#byPath.values()];
  }

  find(group: string, version: string, plural: string): Resource | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
  }

  /** The version of a kind that an owner reference names, or any other served version of it. */
  findKind(apiVersion: string, kind: string): Resource | undefined {
    const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
    const candidates = this.all().filter((resource) => resource.kind === kind && resource.group === group);
    return candidates.find((resource) => groupVersion(resource) === apiVersion) ?? candidates[0];
  }

  /** Any served version of what is stored in a table. */
  ofTable(table: string): Resource | undefined {
    return this.#byTable.get(table)?.[0];
  }

  add(resource: Resource): void {
    this.#byPath.set(`${resource.group}/${resource.version}/${resource.plural}`, resource);
    this.#byTable.set(resource.table, [...(this.#byTable.get(resource.table) ?? []), resource]);
  }

  /** Stops serving all versions of what is stored in a table. */
  remove(table: string): void {
    for (const { group, version, plural } of this.#byTable.get(table) ?? []) {
      this.#byPath.delete(`${group}/${version}/${plural}`);
    }
    this.#byTable.delete(table);
  }
}
