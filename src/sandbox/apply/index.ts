import type { Json } from '../../kube/types.ts';
import { equal, isObject, objectOf, textOf, without, type JsonObject } from '../cluster/object.ts';
import { ApplyConflict, ApplyRefused, type Conflict } from './errors.ts';
import { FieldSet } from './field-set.ts';
import { LAST_APPLIED, lastAppliedFields, withLastApplied } from './last-applied.ts';
import {
  capUpdaters,
  decodeManagers,
  describeManager,
  encodeManagers,
  idOf,
  type Managers,
  type Ownership,
} from './managed-fields.ts';
import { compare, merge, type Comparison } from './merge.ts';
import { deduced, mergeTypeOf, type MergeType } from './merge-schema.ts';
import { describePath, fieldElement } from './path.ts';
import { fieldsOf, removeFields, typeErrors, withNamedFields } from './typed.ts';

export { ApplyConflict, ApplyRefused, type Conflict } from './errors.ts';

/** What apply and update have in common. */
export interface Merging {
  /** Name of the writer. */
  manager: string;
  subresource?: string | undefined;
  /** RFC 3339, whole seconds. */
  now: string;
  /** OpenAPI schema of the kind with `x-kubernetes-` extensions; absent for kinds without one. */
  schema?: JsonObject | undefined;
  /** What an object without managers is compared with: what each of a built-in kind has without anyone's doing. */
  empty?: JsonObject | undefined;
  /** Fields that this endpoint ignores, so that nobody comes to own them by it; see {@link resetFields}. */
  reset?: readonly (readonly string[])[] | undefined;
}

/**
 * The fields that a write to an endpoint of a kind can't change.
 * `custom` says whether the kind comes from a CustomResourceDefinition.
 */
export function resetFields(
  custom: boolean,
  hasStatus: boolean,
  subresource: string | undefined,
): readonly (readonly string[])[] {
  if (!hasStatus) return [];
  if (subresource === undefined || subresource === '') return [['status']];
  if (subresource !== 'status') return [];
  return custom ? [['metadata'], ['spec']] : [['spec'], ['metadata', 'labels']];
}

export interface ApplyInput extends Merging {
  /** Absent when the apply creates the object. */
  live: JsonObject | undefined;
  patch: JsonObject;
  force: boolean;
}

export interface Applied {
  /** With its managedFields. */
  object: JsonObject;
  /** False when nothing but managedFields may differ from the live object. */
  changed: boolean;
}

/** Names of managers that stand for something else than a client. */
const BEFORE_FIRST_APPLY = 'before-first-apply';

const NEVER_OWNED = FieldSet.of(
  ['apiVersion'].map(fieldElement),
  ['kind'].map(fieldElement),
  ['metadata'].map(fieldElement),
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'clusterName',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map((name) => ['metadata', name].map(fieldElement)),
);

/**
 * Server-side apply: lays the configuration over the live object, removes what this manager applied before and nobody
 * else owns, and settles who owns what.
 * @throws ApplyConflict when others own what changes and `force` is not set; ApplyRefused for a patch with managedFields,
 *   unknown fields, wrong types or repeated keys.
 */
export function applyPatch(input: ApplyInput): Applied {
  if (input.manager !== 'kubectl') return applyOnce(input);
  const { object, changed } = applyAfterClientSide(input);
  const annotations = objectOf(objectOf(object['metadata'])['annotations']);
  if (textOf(annotations[LAST_APPLIED]) === '') return { object, changed };
  return { object: withLastApplied(object, input.patch), changed };
}

// `kubectl apply --server-side` takes over, without a conflict, what `kubectl apply` applied and nobody changed since.
function applyAfterClientSide(input: ApplyInput): Applied {
  try {
    return applyOnce(input);
  } catch (error) {
    if (!(error instanceof ApplyConflict) || input.live === undefined) throw error;
    const allowed = lastAppliedFields(typeFor(input), input.live, textOf(input.patch['apiVersion']));
    const conflicts = error.conflicts.filter(({ path }) => allowed?.contains(path) !== true);
    if (conflicts.length > 0) throw new ApplyConflict(conflicts);
    return applyOnce({ ...input, force: true });
  }
}

function applyOnce(input: ApplyInput): Applied {
  const { patch, manager, subresource = '', now } = input;
  const apiVersion = textOf(patch['apiVersion']);
  if (objectOf(patch['metadata'])['managedFields'] !== undefined) {
    throw new ApplyRefused(400, 'metadata.managedFields must be nil');
  }
  const live = input.live ?? { apiVersion, kind: patch['kind'] };
  const type = typeFor(input);
  checkTypes(type, patch, live);
  const managers = managersBeforeApply(input, live, type, apiVersion);
  const self = { manager, operation: 'Apply', apiVersion, subresource } as const;
  const id = idOf(self);
  const previous = managers.get(id);
  const ignored = ignoredFields(input);
  const applied = fieldsOf(type, patch).differenceBelow(ignored);
  managers.set(id, { ...self, time: previous?.time, fields: applied });
  const merged = merge(type, withoutManagedFields(live), patch);
  const object = previous === undefined ? merged : prune(type, merged, managers, previous.fields);
  const comparison = compareFor(type, withoutManagedFields(live), object, ignored);
  takeOver(managers, id, comparison, input.force);
  const changed = !equal(withoutManagedFields(live), object);
  const mine = managers.get(id);
  if (mine !== undefined) {
    const fields = mine.fields.difference(NEVER_OWNED);
    if (fields.empty) managers.delete(id);
    else managers.set(id, { ...mine, fields, time: changed ? now : mine.time });
  }
  return { object: withManagers(objectOf(object), managers), changed };
}

function typeFor({ schema }: Merging): MergeType {
  return schema === undefined ? deduced : mergeTypeOf(schema);
}

function checkTypes(type: MergeType, patch: JsonObject, live: JsonObject): void {
  const faults = typeErrors(type, patch, false);
  if (faults.length > 0) throw new ApplyRefused(500, typeSentence('patch', patch, faults));
  const stale = typeErrors(type, live, true);
  if (stale.length > 0) throw new ApplyRefused(500, typeSentence('live', live, stale));
}

function typeSentence(which: 'patch' | 'live', object: JsonObject, faults: readonly string[]): string {
  const { name, namespace } = objectOf(object['metadata']);
  const apiVersion = textOf(object['apiVersion']);
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const what = `${textOf(namespace)}/${textOf(name)}; ${group ?? ''}/${version ?? ''}, Kind=${textOf(object['kind'])}`;
  const list =
    faults.length === 1 ? (faults[0] ?? '') : `errors:\n${faults.map((fault) => `  ${fault}`).join('\n')}`;
  return `failed to create typed ${which} object (${what}): ${list}`;
}

function ignoredFields({ reset = [] }: Merging): FieldSet {
  return FieldSet.of(...reset.map((path) => path.map(fieldElement)));
}

function compareFor(type: MergeType, before: Json, after: Json, ignored: FieldSet): Comparison {
  const { removed, modified, added } = compare(type, before, after);
  return {
    removed: removed.differenceBelow(ignored),
    modified: modified.differenceBelow(ignored),
    added: added.differenceBelow(ignored),
  };
}

// An object whose managers were not tracked belongs, whole, to whoever was before the first apply.
function managersBeforeApply(
  input: ApplyInput,
  live: JsonObject,
  type: MergeType,
  apiVersion: string,
): Managers {
  const managers = decodeManagers(objectOf(live['metadata'])['managedFields']);
  if (managers.size > 0 || input.live === undefined) return managers;
  const self = {
    manager: BEFORE_FIRST_APPLY,
    operation: 'Update',
    apiVersion,
    subresource: input.subresource ?? '',
  };
  const nothing = input.empty ?? { apiVersion, kind: live['kind'] };
  return update(type, nothing, live, managers, { ...self, operation: 'Update' }, input);
}

/**
 * Settles ownership after an object changed by other hands than this manager's: what changed is no longer owned by
 * others, what went is owned by nobody.
 * @throws ApplyConflict
 */
function takeOver(managers: Managers, id: string, comparison: Comparison, force: boolean): void {
  const { removed, modified, added } = comparison;
  const changed = modified.union(added);
  const conflicts: Conflict[] = [];
  for (const [other, owner] of managers) {
    if (other === id) continue;
    const message = `conflict with ${describeManager(owner)}`;
    for (const path of owner.fields.intersection(changed).paths()) {
      conflicts.push({
        path,
        manager: owner.manager,
        operation: owner.operation,
        field: describePath(path),
        message,
      });
    }
  }
  if (!force && conflicts.length > 0) throw new ApplyConflict(conflicts);
  for (const [other, owner] of managers) {
    const fields = other === id ? owner.fields : owner.fields.difference(changed).difference(removed);
    if (fields.empty) managers.delete(other);
    else managers.set(other, { ...owner, fields });
  }
}

/** Removes from the merged object what the manager applied last time, not this time, and nobody else owns. */
function prune(type: MergeType, merged: Json, managers: Managers, last: FieldSet): Json {
  if (last.empty) return merged;
  const named = (set: FieldSet) => withNamedFields(set, type);
  const removed = removeFields(type, merged, named(last));
  const all = named(fieldsOf(type, merged));
  const owned = [...managers.values()].reduce((union, { fields }) => union.union(fields), new FieldSet());
  const unowned = all.difference(named(fieldsOf(type, removed)).union(named(owned)));
  const kept = removeFields(type, merged, unowned);
  return removeFields(type, merged, all.difference(named(fieldsOf(type, kept))).intersection(named(last)));
}

export interface UpdateInput extends Merging {
  /** Absent when the object is created. */
  before: JsonObject | undefined;
  after: JsonObject;
}

/**
 * managedFields after any other write than apply: the writer owns what it changed. Undefined where an object is not
 * tracked, or no longer, because what was sent has the wrong types (in a part that the endpoint ignores). managedFields that the client sent count instead of the live ones, and `[]` or `[{}]` forgets them all, except
 * on subresources.
 */
export function trackUpdate(input: UpdateInput): JsonObject[] | undefined {
  const { before, after, manager, subresource = '' } = input;
  const apiVersion = textOf(after['apiVersion']);
  const managers = managersForUpdate(before, after, subresource);
  if (managers.size === 0 && before !== undefined) return undefined;
  const self = {
    manager: manager === '' ? 'unknown' : manager,
    operation: 'Update',
    apiVersion,
    subresource,
  } as const;
  const type = typeFor(input);
  if (typeErrors(type, after, true).length > 0) return undefined;
  const live = before ?? input.empty ?? { apiVersion, kind: after['kind'] };
  return encodeManagers(capUpdaters(update(type, live, after, managers, self, input)));
}

function managersForUpdate(before: JsonObject | undefined, after: JsonObject, subresource: string): Managers {
  const live = objectOf(before?.['metadata'])['managedFields'];
  const sent = objectOf(after['metadata'])['managedFields'];
  if (subresource !== '') return decodeOrForget(live);
  if (Array.isArray(sent)) {
    const [only] = sent;
    if (sent.length === 0 || (sent.length === 1 && isObject(only) && Object.keys(only).length === 0))
      return new Map();
  }
  try {
    const managers = decodeManagers(sent);
    if (managers.size > 0) return managers;
  } catch {
    // What a client garbled is taken from the live object instead.
  }
  return decodeOrForget(live);
}

function decodeOrForget(managedFields: Json | undefined): Managers {
  try {
    return decodeManagers(managedFields);
  } catch {
    return new Map();
  }
}

function update(
  type: MergeType,
  before: JsonObject,
  after: JsonObject,
  managers: Managers,
  self: Pick<Ownership, 'manager' | 'operation' | 'apiVersion' | 'subresource'>,
  merging: Merging,
): Managers {
  const ignored = ignoredFields(merging);
  const comparison = compareFor(type, withoutManagedFields(before), withoutManagedFields(after), ignored);
  const result: Managers = new Map(managers);
  // No id: what this write changed leaves even the writer's own entry, and comes back below with a new time.
  takeOver(result, '', comparison, true);
  const fields = comparison.modified.union(comparison.added).difference(NEVER_OWNED);
  if (fields.empty) return result;
  const id = idOf(self);
  const known = result.get(id);
  result.set(id, {
    ...self,
    time: merging.now,
    fields: known === undefined ? fields : fields.union(known.fields),
  });
  return result;
}

function withoutManagedFields(object: JsonObject): JsonObject {
  const metadata = object['metadata'];
  return isObject(metadata) ? { ...object, metadata: without(metadata, 'managedFields') } : object;
}

function withManagers(object: JsonObject, managers: Managers): JsonObject {
  const managedFields = encodeManagers(managers);
  const metadata = without(objectOf(object['metadata']), 'managedFields');
  return { ...object, metadata: managedFields === undefined ? metadata : { ...metadata, managedFields } };
}
