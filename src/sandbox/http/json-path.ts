import type { Json } from '../../kube/types.ts';
import { isObject, scalarText } from '../cluster/object.ts';

type Step = (value: Json) => Json[];

const cache = new Map<string, Step[] | undefined>();

/**
 * What a JSONPath of a printer column finds in an object: `.a.b`, `.a['b.c/d']`, `.a[0]`, `.a[*]` and
 * `.a[?(@.type=="Ready")]`. A path in another form finds nothing.
 */
export function findByJsonPath(object: Json, path: string): Json[] {
  if (!cache.has(path)) cache.set(path, compile(path));
  const steps = cache.get(path);
  if (steps === undefined) return [];
  return steps.reduce<Json[]>((values, step) => values.flatMap(step), [object]);
}

const TOKEN =
  /\.?([A-Za-z_][\w-]*(?:\\\.[\w-]+)*)|\[(\d+)\]|\.?\[?(\*)\]?|\[['"]([^'"]+)['"]\]|\[\?\(@\.([\w.]+)\s*(==|!=)\s*(?:['"]([^'"]*)['"]|(\w+))\)\]/y;

function compile(path: string): Step[] | undefined {
  const text = path.replace(/^\{|\}$/g, '').replace(/^\$/, '');
  const pattern = new RegExp(TOKEN);
  const steps: Step[] = [];
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) return undefined;
    steps.push(stepOf(match));
  }
  return steps;
}

function stepOf(match: RegExpExecArray): Step {
  const [, key, index, star, quoted, field, operator, wanted, bare] = match;
  if (index !== undefined) return (value) => (Array.isArray(value) ? present(value[Number(index)]) : []);
  if (star !== undefined) return members;
  if (field !== undefined) {
    const path = field.split('.');
    const expected = wanted ?? bare ?? '';
    return (value) =>
      members(value).filter((item) => {
        const found = path.reduce<Json[]>((values, name) => values.flatMap(memberNamed(name)), [item])[0];
        return (scalarText(found) === expected) === (operator === '==');
      });
  }
  return memberNamed(quoted ?? (key ?? '').replaceAll('\\.', '.'));
}

function memberNamed(name: string): Step {
  return (value) => (isObject(value) ? present(value[name]) : []);
}

function members(value: Json): Json[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? Object.values(value).flatMap(present) : [];
}

function present(value: Json | undefined): Json[] {
  return value === undefined || value === null ? [] : [value];
}
