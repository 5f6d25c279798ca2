import type { Json } from '../../kube/types.ts';
import { age } from '../cluster/kinds/columns.ts';
import type { Stored } from '../cluster/object.ts';
import type { ObjectList } from '../cluster/request.ts';
import type { Column, Resource } from '../cluster/resource.ts';
import { findByJsonPath } from './json-path.ts';

/** What a row of a table carries besides its cells. */
export type Included = 'None' | 'Metadata' | 'Object';

/** What the rows are to carry for a client that wants a Table, as kubectl get does; undefined for any other. */
export function tableRows(accept: string, query: URLSearchParams): Included | undefined {
  if (!accept.split(',').some((type) => /;\s*as=Table/.test(type))) return undefined;
  const included = query.get('includeObject');
  return included === 'None' || included === 'Object' ? included : 'Metadata';
}

/** A `meta.k8s.io/v1` Table of objects. `now` in ms, for ages. */
export function tableOf(
  resource: Resource,
  objects: readonly Stored[],
  now: number,
  included: Included,
  list?: ObjectList,
): unknown {
  const version = list?.resourceVersion ?? objects[0]?.metadata.resourceVersion;
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: {
      ...(version === undefined ? {} : { resourceVersion: version }),
      ...(list?.continue === undefined ? {} : { continue: list.continue }),
      ...(list?.remaining === undefined ? {} : { remainingItemCount: list.remaining }),
    },
    columnDefinitions: resource.columns.map(({ name, type, format, description, priority, value }) => ({
      name,
      type,
      format: format ?? '',
      description:
        description ??
        (typeof value === 'string'
          ? `Custom resource definition column (in JSONPath format): ${value}`
          : name),
      priority,
    })),
    rows: objects.map((object) => ({
      cells: resource.columns.map((column) => cell(column, object, now)),
      ...(included === 'None' ? {} : { object: included === 'Object' ? object : metadataOnly(object) }),
    })),
  };
}

function metadataOnly({ metadata }: Stored): unknown {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
}

function cell({ value, type }: Column, object: Stored, now: number): Json {
  if (typeof value !== 'string') return value(object, now);
  const [found] = findByJsonPath(object, value);
  if (found === undefined) return null;
  switch (type) {
    case 'integer':
      return typeof found === 'number' ? Math.trunc(found) : null;
    case 'number':
      return typeof found === 'number' ? found : null;
    case 'boolean':
      return typeof found === 'boolean' ? found : null;
    case 'date':
      return typeof found === 'string' ? age(found, now) : null;
    default:
      return typeof found === 'string' ? found : JSON.stringify(found);
  }
}
