import { isObject } from './json.ts';
import { isSameQuantity } from './quantity.ts';

/** The API groups that the API server itself serves and that we write to; all others are custom resources. */
const BUILT_IN = new Set([
  '',
  'apps',
  'autoscaling',
  'batch',
  'policy',
  'apiextensions.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'events.k8s.io',
  'networking.k8s.io',
  'rbac.authorization.k8s.io',
]);

/**
 * Lists in built-in kinds that the API server merges item by item, and the fields that tell their items apart
 * (`x-kubernetes-list-map-keys` in its OpenAPI document). Lists of other names are one value.
 */
const LIST_KEYS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  containers: [['name']],
  initContainers: [['name']],
  ephemeralContainers: [['name']],
  volumes: [['name']],
  env: [['name']],
  imagePullSecrets: [['name']],
  resourceClaims: [['name']],
  schedulingGates: [['name']],
  volumeMounts: [['mountPath']],
  volumeDevices: [['devicePath']],
  hostAliases: [['ip']],
  topologySpreadConstraints: [['topologyKey', 'whenUnsatisfiable']],
  conditions: [['type']],
  ownerReferences: [['uid']],
  // Of a container, and of a Service.
  ports: [
    ['containerPort', 'protocol'],
    ['port', 'protocol'],
  ],
};
const KEY_DEFAULTS: Readonly<Record<string, string>> = { protocol: 'TCP' };
/** Maps whose values are quantities, and fields that are. */
const QUANTITY_MAPS = new Set(['limits', 'requests', 'overhead', 'capacity', 'hard']);
const QUANTITY_FIELDS = new Set(['sizeLimit', 'divisor', 'averageValue']);
/** Maps of strings: unlike a field of a struct, an entry with an empty value stays. */
const STRING_MAPS = new Set([
  'labels',
  'annotations',
  'matchLabels',
  'nodeSelector',
  'selector',
  'data',
  'binaryData',
]);

/** Where in an object a value is. */
interface Place {
  /** Name of the field; a list item has that of its list. */
  readonly field: string;
  readonly parent: string;
  /** The API server normalises what is here. */
  readonly builtIn: boolean;
  /** Nobody else may set a field here. */
  readonly exact: boolean;
}

/**
 * Whether every field that we intend is in the live object as we intend it, so that applying the intent again would
 * change none of them. Fields that only the live object has don't matter.
 *
 * What an API server makes of our fields counts as the same:
 * - absent, null, an empty map and an empty list; in built-in kinds also false, 0 and '', which their encoders leave
 *   out (not as values of labels and the like);
 * - in built-in kinds, quantities of one value: cpu `1000m` and `1`, memory `1Gi` and `1024Mi`;
 * - in built-in kinds, lists whose items have a key (containers by name, ports by number and protocol) in any order and
 *   with items of others between; finalizers likewise.
 *
 * Every other list is one value: same length, same order. In custom resources the items of such a list have to be the
 * same and not only to contain ours: who owns the list owns each field in it. A CRD that defaults fields inside its
 * lists needs an intent that says them.
 */
export function contains(intent: unknown, live: unknown): boolean {
  const builtIn = isObject(intent) && BUILT_IN.has(groupOf(intent['apiVersion']));
  return within(intent, live, { field: '', parent: '', builtIn, exact: false });
}

function groupOf(apiVersion: unknown): string {
  return typeof apiVersion === 'string' && apiVersion.includes('/')
    ? apiVersion.slice(0, apiVersion.indexOf('/'))
    : '';
}

function within(intent: unknown, live: unknown, place: Place): boolean {
  if (intent === undefined || intent === null) return !place.exact || isEmpty(live);
  if (live === undefined || live === null) return isEmpty(intent) || (isZero(intent) && losesZeros(place));
  if (Array.isArray(intent)) return Array.isArray(live) && listWithin(intent, live, place);
  if (isObject(intent)) return isObject(live) && objectWithin(intent, live, place);
  return intent === live || (isQuantity(place) && isSameQuantity(intent, live));
}

function objectWithin(
  intent: Record<string, unknown>,
  live: Record<string, unknown>,
  { field: parent, builtIn, exact }: Place,
): boolean {
  const placeOf = (field: string): Place => ({
    field,
    parent,
    // Metadata is the API server's in every kind.
    builtIn: builtIn || (parent === '' && field === 'metadata'),
    exact,
  });
  return (
    Object.keys(intent).every((field) => within(intent[field], live[field], placeOf(field))) &&
    (!exact || Object.keys(live).every((field) => intent[field] !== undefined || isEmpty(live[field])))
  );
}

function listWithin(intent: unknown[], live: unknown[], place: Place): boolean {
  if (place.builtIn && place.field === 'finalizers') return intent.every((item) => live.includes(item));
  const keyOf = place.builtIn ? keyFor(place.field, intent) : undefined;
  if (keyOf !== undefined) {
    const byKey = new Map(live.map((item) => [keyOf(item), item]));
    return intent.every((item) => within(item, byKey.get(keyOf(item)), place));
  }
  const inItem = { ...place, exact: place.exact || !place.builtIn };
  return intent.length === live.length && intent.every((item, index) => within(item, live[index], inItem));
}

/** A function that gives an item's key, or undefined where the list has no keys or these items don't have them all. */
function keyFor(list: string, items: unknown[]): ((item: unknown) => string | undefined) | undefined {
  for (const fields of (Object.hasOwn(LIST_KEYS, list) && LIST_KEYS[list]) || []) {
    const keyOf = (item: unknown) => {
      const values = fields.map((field) =>
        isObject(item) ? (item[field] ?? KEY_DEFAULTS[field]) : undefined,
      );
      return values.includes(undefined) ? undefined : JSON.stringify(values);
    };
    const keys = new Set(items.map(keyOf));
    if (keys.size === items.length && !keys.has(undefined)) return keyOf;
  }
  return undefined;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.values(value).every(isEmpty);
}

function isZero(value: unknown): boolean {
  return value === false || value === 0 || value === '';
}

function losesZeros({ builtIn, parent }: Place): boolean {
  return builtIn && !STRING_MAPS.has(parent);
}

function isQuantity({ builtIn, field, parent }: Place): boolean {
  return (
    builtIn &&
    (QUANTITY_MAPS.has(parent) || QUANTITY_FIELDS.has(field) || (parent === 'target' && field === 'value'))
  );
}
