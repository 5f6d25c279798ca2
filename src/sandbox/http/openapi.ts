import type { Cluster } from '../cluster/cluster.ts';
import { objectMeta, publicSchema } from '../cluster/kinds/types.ts';
import { objectOf, type JsonObject } from '../cluster/object.ts';
import { groupVersion, type Resource } from '../cluster/resource.ts';

const METADATA = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

/**
 * Answers `/openapi/v3` and the documents that it lists: what kubectl needs to explain, and to see that the server
 * validates fields itself. Undefined for any other path.
 */
export function openApi(cluster: Cluster, path: string): unknown {
  const resources = cluster.core.resources.all();
  if (path === '/openapi/v3' || path === '/openapi/v3/') {
    const roots = [...new Set(resources.map(rootOf))];
    return {
      paths: Object.fromEntries(roots.map((root) => [root, { serverRelativeURL: `/openapi/v3/${root}` }])),
    };
  }
  const served = resources.filter((resource) => path === `/openapi/v3/${rootOf(resource)}`);
  return served.length === 0 ? undefined : document(served);
}

function rootOf({ group, version }: Resource): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

function document(resources: readonly Resource[]): unknown {
  const schemas: JsonObject = {
    [METADATA]: { ...publicSchema(objectMeta), description: 'Standard metadata.' },
  };
  const paths: JsonObject = {};
  for (const resource of resources) {
    schemas[schemaName(resource)] = schemaOf(resource);
    const collection = `/${rootOf(resource)}/${resource.namespaced ? 'namespaces/{namespace}/' : ''}${resource.plural}`;
    paths[collection] = { get: operation(resource, 'list'), post: operation(resource, 'post') };
    paths[`${collection}/{name}`] = {
      get: operation(resource, 'get'),
      put: operation(resource, 'put'),
      patch: operation(resource, 'patch'),
      delete: operation(resource, 'delete'),
    };
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.36.3' },
    paths,
    components: { schemas },
  };
}

function typeOf({ group, version, kind }: Resource): JsonObject {
  return { group, version, kind };
}

function schemaName({ group, version, kind }: Resource): string {
  const reversed = (group === '' ? 'core.api.k8s.io' : group).split('.').reverse().join('.');
  return `${reversed}.${version}.${kind}`;
}

function schemaOf(resource: Resource): JsonObject {
  const properties = objectOf(resource.schema['properties']);
  return {
    ...resource.schema,
    properties: {
      ...properties,
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { allOf: [{ $ref: `#/components/schemas/${METADATA}` }], default: {} },
    },
    'x-kubernetes-group-version-kind': [typeOf(resource)],
  };
}

const QUERY = ['dryRun', 'fieldManager', 'fieldValidation'];

function operation(resource: Resource, action: string): JsonObject {
  const writes = action === 'post' || action === 'put' || action === 'patch';
  const schema = { $ref: `#/components/schemas/${schemaName(resource)}` };
  return {
    operationId: `${action}${groupVersion(resource)}${resource.kind}`.replaceAll(/[^A-Za-z0-9]/g, ''),
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': typeOf(resource),
    parameters: (writes ? QUERY : []).map((name) => ({ name, in: 'query', schema: { type: 'string' } })),
    responses: { '200': { description: 'OK', content: { 'application/json': { schema } } } },
  };
}
