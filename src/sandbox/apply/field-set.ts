import type { JsonObject } from '../cluster/object.ts';
import { isObject } from '../cluster/object.ts';
import { compareElements, parseElement, type PathElement } from './path.ts';

/**
 * A set of fields: the value of one entry of managedFields. Immutable once handed out; the operations give new sets.
 *
 * A field's being in the set says nothing of its parents or children: `members` are the fields at this level that are in
 * the set, `children` the levels below, for fields that may or may not be members themselves.
 */
export class FieldSet {
  readonly members = new Set<PathElement>();
  readonly children = new Map<PathElement, FieldSet>();

  static of(...paths: (readonly PathElement[])[]): FieldSet {
    const set = new FieldSet();
    for (const path of paths) set.insert(path);
    return set;
  }

  /** Only while the set is being built. The empty path, the whole object, is nobody's and is not kept. */
  insert(path: readonly PathElement[]): void {
    const [first, ...rest] = path;
    if (first === undefined) return;
    if (rest.length === 0) {
      this.members.add(first);
      return;
    }
    let child = this.children.get(first);
    if (child === undefined) {
      child = new FieldSet();
      this.children.set(first, child);
    }
    child.insert(rest);
  }

  get empty(): boolean {
    if (this.members.size > 0) return false;
    for (const child of this.children.values()) if (!child.empty) return false;
    return true;
  }

  has(element: PathElement): boolean {
    return this.members.has(element);
  }

  /** True for a member of the set, at any depth. */
  contains(path: readonly PathElement[]): boolean {
    const [first, ...rest] = path;
    if (first === undefined) return false;
    return rest.length === 0 ? this.members.has(first) : this.below(first).contains(rest);
  }

  /** The fields below `element`, with paths from there. */
  below(element: PathElement): FieldSet {
    return this.children.get(element) ?? NOTHING;
  }

  union(other: FieldSet): FieldSet {
    const result = new FieldSet();
    for (const set of [this, other]) {
      for (const member of set.members) result.members.add(member);
      for (const [element, child] of set.children) {
        const known = result.children.get(element);
        result.children.set(element, known === undefined ? child : known.union(child));
      }
    }
    return result;
  }

  intersection(other: FieldSet): FieldSet {
    const result = new FieldSet();
    for (const member of this.members) if (other.members.has(member)) result.members.add(member);
    for (const [element, child] of this.children) {
      const match = other.children.get(element);
      if (match !== undefined) result.#keep(element, child.intersection(match));
    }
    return result;
  }

  /** Without the fields of `other`; fields below those stay. */
  difference(other: FieldSet): FieldSet {
    if (other.members.size === 0 && other.children.size === 0) return this;
    const result = new FieldSet();
    let same = true;
    for (const member of this.members) {
      if (other.members.has(member)) same = false;
      else result.members.add(member);
    }
    for (const [element, child] of this.children) {
      const left = child.difference(other.below(element));
      same &&= left === child;
      result.#keep(element, left);
    }
    return same ? this : result;
  }

  /** Without the fields of `other` and all below them. */
  differenceBelow(other: FieldSet): FieldSet {
    const result = new FieldSet();
    for (const member of this.members) if (!other.members.has(member)) result.members.add(member);
    for (const [element, child] of this.children) {
      if (!other.members.has(element)) result.#keep(element, child.differenceBelow(other.below(element)));
    }
    return result;
  }

  #keep(element: PathElement, child: FieldSet): void {
    if (!child.empty) this.children.set(element, child);
  }

  equals(other: FieldSet): boolean {
    return this.difference(other).empty && other.difference(this).empty;
  }

  /** All fields of the set, sorted, members of a level before what is below it. */
  paths(prefix: readonly PathElement[] = []): PathElement[][] {
    return [
      ...[...this.members].sort(compareElements).map((member) => [...prefix, member]),
      ...[...this.children.keys()]
        .sort(compareElements)
        .flatMap((element) => this.below(element).paths([...prefix, element])),
    ];
  }

  /** The FieldsV1 of the set. */
  toJson(): JsonObject {
    const elements = new Set([...this.members, ...this.children.keys()]);
    const json: JsonObject = {};
    for (const element of [...elements].sort(compareElements)) {
      const child = this.children.get(element);
      if (child === undefined || child.empty) {
        if (this.members.has(element)) json[element] = {};
      } else {
        json[element] = this.members.has(element) ? { '.': {}, ...child.toJson() } : child.toJson();
      }
    }
    return json;
  }

  /**
   * Reads a FieldsV1.
   * @throws Error when it is malformed.
   */
  static fromJson(json: unknown): FieldSet {
    if (!isObject(json)) throw new Error('fieldsV1 must be an object');
    const set = new FieldSet();
    for (const [key, below] of Object.entries(json)) {
      if (key === '.') continue;
      const element = parseElement(key);
      if (element === undefined) continue;
      const child = FieldSet.fromJson(below);
      if (child.empty || (isObject(below) && '.' in below)) set.members.add(element);
      if (!child.empty) set.children.set(element, child);
    }
    return set;
  }
}

const NOTHING = new FieldSet();
