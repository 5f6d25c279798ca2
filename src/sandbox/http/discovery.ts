import type { Cluster } from '../cluster/cluster.ts';
import { groupVersion, type Resource } from '../cluster/resource.ts';

const VERSION = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.3',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: 'songbird-sandbox',
  platform: 'memory',
};

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const CUSTOM_VERBS = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const SUBRESOURCE_VERBS: Record<string, string[]> = { binding: ['create'], finalize: ['update'] };

/** The content type by which a client recognizes discovery of all groups in one answer. */
export const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** True for a client that can read discovery of all groups in one answer. */
export function wantsAggregated(path: string, accept: string): boolean {
  return /^\/apis?\/?$/.test(path) && accept.replaceAll(' ', '').includes(AGGREGATED);
}

/** Answers `/version` and the paths by which clients find out what is served; undefined for any other path. */
export function discover(cluster: Cluster, path: string, aggregated: boolean): unknown {
  if (path === '/version' || path === '/version/') return VERSION;
  const [root, group, version, ...more] = path.split('/').filter((part) => part !== '');
  const resources = cluster.core.resources.all();
  if (root === 'api') {
    if (group === undefined) {
      return aggregated ? aggregate(resources.filter((resource) => resource.group === '')) : coreVersions();
    }
    return version === undefined && group === 'v1' ? resourceList(resources, '', 'v1') : undefined;
  }
  if (root !== 'apis' || more.length > 0) return undefined;
  const named = resources.filter((resource) => resource.group !== '');
  if (group === undefined) return aggregated ? aggregate(named) : groupList(named);
  if (version === undefined) return groupOf(named, group);
  const served = named.some((resource) => resource.group === group && resource.version === version);
  return served ? resourceList(resources, group, version) : undefined;
}

function coreVersions(): unknown {
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
}

function groupList(resources: readonly Resource[]): unknown {
  const groups = [...new Set(resources.map((resource) => resource.group))];
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: groups.map((group) => groupBody(resources, group)),
  };
}

function groupOf(resources: readonly Resource[], group: string): unknown {
  if (!resources.some((resource) => resource.group === group)) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupBody(resources, group) };
}

function groupBody(resources: readonly Resource[], group: string) {
  const versions = versionsOf(resources, group).map((version) => ({
    groupVersion: groupVersion({ group, version }),
    version,
  }));
  return { name: group, versions, preferredVersion: versions[0] };
}

/** The versions of a group, the preferred one first: stable before beta before alpha, later before earlier. */
function versionsOf(resources: readonly Resource[], group: string): string[] {
  const versions = new Set(
    resources.filter((resource) => resource.group === group).map(({ version }) => version),
  );
  return [...versions].sort((a, b) => {
    const [left, right] = [rank(a), rank(b)];
    for (let index = 0; index < 3; index += 1) {
      const difference = (right[index] ?? 0) - (left[index] ?? 0);
      if (difference !== 0) return difference;
    }
    return a < b ? -1 : 1;
  });
}

function rank(version: string): number[] {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (match === null) return [-1, 0, 0];
  const [, major, stage, minor] = match;
  return [stage === undefined ? 2 : stage === 'beta' ? 1 : 0, Number(major), Number(minor ?? 0)];
}

function resourceList(resources: readonly Resource[], group: string, version: string): unknown {
  const served = resources.filter((resource) => resource.group === group && resource.version === version);
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: groupVersion({ group, version }),
    resources: served.flatMap((resource) => [
      {
        name: resource.plural,
        singularName: resource.singular,
        namespaced: resource.namespaced,
        kind: resource.kind,
        verbs: resource.custom ? CUSTOM_VERBS : VERBS,
        ...namesOf(resource),
      },
      ...resource.subresources.map((subresource) => ({
        name: `${resource.plural}/${subresource}`,
        singularName: '',
        namespaced: resource.namespaced,
        ...(subresource === 'scale' ? { group: 'autoscaling', version: 'v1' } : {}),
        kind: subresourceKind(resource, subresource),
        verbs: SUBRESOURCE_VERBS[subresource] ?? ['get', 'patch', 'update'],
      })),
    ]),
  };
}

function namesOf({ shortNames, categories }: Resource) {
  return {
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
  };
}

function subresourceKind({ kind }: Resource, subresource: string): string {
  return { scale: 'Scale', binding: 'Binding' }[subresource] ?? kind;
}

function aggregate(resources: readonly Resource[]): unknown {
  const groups = [...new Set(resources.map((resource) => resource.group))];
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map((group) => ({
      metadata: group === '' ? {} : { name: group },
      versions: versionsOf(resources, group).map((version) => ({
        version,
        freshness: 'Current',
        resources: resources
          .filter((resource) => resource.group === group && resource.version === version)
          .map((resource) => ({
            resource: resource.plural,
            responseKind: { group, version, kind: resource.kind },
            scope: resource.namespaced ? 'Namespaced' : 'Cluster',
            singularResource: resource.singular,
            verbs: resource.custom ? CUSTOM_VERBS : VERBS,
            ...namesOf(resource),
            subresources: resource.subresources.map((subresource) => ({
              subresource,
              responseKind:
                subresource === 'scale'
                  ? { group: 'autoscaling', version: 'v1', kind: 'Scale' }
                  : { group, version, kind: subresourceKind(resource, subresource) },
              verbs: SUBRESOURCE_VERBS[subresource] ?? ['get', 'patch', 'update'],
            })),
          })),
      })),
    })),
  };
}
