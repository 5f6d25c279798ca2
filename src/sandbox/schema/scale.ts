import type { Json } from '../../kube/types.ts';
import { isObject, type JsonObject } from '../cluster/object.ts';
import { invalidValue, type FieldError } from './field-error.ts';

/** `subresources.scale` of a version of a CRD; JSON paths such as `.spec.replicas`. */
export interface Scale {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string | undefined;
}

const LARGEST_COUNT = 2 ** 31 - 1;

/** Faults of the numbers that /scale would show. Writes to /status can't change `.spec`, so it isn't checked for them. */
export function scaleErrors(scale: Scale, object: JsonObject, isStatus: boolean): FieldError[] {
  return [
    ...(isStatus ? [] : replicaErrors(object, scale.specReplicasPath)),
    ...replicaErrors(object, scale.statusReplicasPath),
    ...(scale.labelSelectorPath === undefined ? [] : selectorErrors(object, scale.labelSelectorPath)),
  ];
}

function replicaErrors(object: JsonObject, path: string): FieldError[] {
  const found = lookUp(object, path);
  if (found.fault !== undefined) return [invalidValue(path, 0, found.fault)];
  const { value } = found;
  if (value === undefined) return [];
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    return [invalidValue(path, 0, accessorFault(path, value, 'int64'))];
  }
  if (value < 0) return [invalidValue(path, value, 'should be a non-negative integer')];
  if (value > LARGEST_COUNT)
    return [invalidValue(path, value, `should be less than or equal to ${LARGEST_COUNT}`)];
  return [];
}

function selectorErrors(object: JsonObject, path: string): FieldError[] {
  const { value, fault } = lookUp(object, path);
  if (fault !== undefined) return [invalidValue(path, '', fault)];
  if (value === undefined || typeof value === 'string') return [];
  return [invalidValue(path, '', accessorFault(path, value, 'string'))];
}

function lookUp(object: JsonObject, path: string): { value?: Json | undefined; fault?: string } {
  const names = namesOf(path);
  let value: Json | undefined = object;
  for (const [index, name] of names.entries()) {
    if (!isObject(value)) {
      return {
        fault: accessorFault(
          `.${names.slice(0, index + 1).join('.')}`,
          value ?? null,
          'map[string]interface{}',
        ),
      };
    }
    value = value[name];
    if (value === undefined) return {};
  }
  return { value };
}

function namesOf(path: string): string[] {
  return path.replace(/^\./, '').split('.');
}

function accessorFault(path: string, value: Json, expected: string): string {
  return `.${namesOf(path).join('.')} accessor error: ${shown(value)} is of the type ${goType(value)}, expected ${expected}`;
}

/** As Go prints it. */
function shown(value: Json): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(shown).join(' ')}]`;
  if (typeof value !== 'object') return String(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${members.map(([key, member]) => `${key}:${shown(member ?? null)}`).join(' ')}]`;
}

function goType(value: Json): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object') return 'map[string]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : 'string';
}
