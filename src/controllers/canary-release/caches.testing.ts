import type { Deployment, Job } from '../../api/index.ts';
import { type Indexer, ObjectStore } from '../../kube/store.ts';
import type { KubeObject } from '../../kube/types.ts';
import { claimsOf } from '../../workloads/index.ts';
import { type Cache, type Caches, INDEX } from './caches.ts';
import { needsOf, releaseOfJob, releaseOfLabel, templatesOf } from './triggers.ts';

const CACHE_OF: Readonly<Record<string, Exclude<keyof Caches, 'namespace'>>> = {
  CanaryRelease: 'releases',
  ReleaseCommand: 'commands',
  Deployment: 'deployments',
  Pod: 'pods',
  Service: 'services',
  VirtualService: 'virtualServices',
  DestinationRule: 'destinationRules',
  Gateway: 'gateways',
  AnalysisTemplate: 'analysisTemplates',
  ClusterAnalysisTemplate: 'clusterAnalysisTemplates',
  Job: 'jobs',
};

/**
 * Caches that hold these objects, as if informers had listed them; those of the kinds in `unserved` have never synced.
 * With a namespace, the objects of no other are in them.
 */
export function cachesOf(
  objects: readonly KubeObject[],
  unserved: readonly string[] = [],
  namespace?: string,
): Caches {
  const cache = <T extends KubeObject>(kind: string, indexers: Record<string, Indexer<T>> = {}): Cache<T> => {
    const store = new ObjectStore<T>(indexers);
    for (const object of objects) {
      const isSeen = namespace === undefined || object.metadata.namespace === namespace;
      if (object.kind === kind && isSeen) store.set(object as T);
    }
    return {
      get: (key) => store.get(key),
      list: (namespace) => store.list(namespace),
      byIndex: (index, value) => store.byIndex(index, value),
      hasSynced: !unserved.includes(kind),
    };
  };
  for (const { kind } of objects)
    if (CACHE_OF[kind] === undefined) throw new Error(`no cache holds a ${kind}`);
  const byLabel = { [INDEX.release]: releaseOfLabel };
  return {
    namespace,
    releases: cache('CanaryRelease', {
      [INDEX.claim]: claimsOf,
      [INDEX.need]: needsOf,
      [INDEX.template]: templatesOf,
    }),
    commands: cache('ReleaseCommand', {
      [INDEX.release]: ({ metadata, spec }) => [`${metadata.namespace ?? ''}/${spec.release}`],
    }),
    deployments: cache<Deployment>('Deployment', byLabel),
    pods: cache('Pod', byLabel),
    services: cache('Service'),
    virtualServices: cache('VirtualService'),
    destinationRules: cache('DestinationRule'),
    gateways: cache('Gateway'),
    analysisTemplates: cache('AnalysisTemplate'),
    clusterAnalysisTemplates: cache('ClusterAnalysisTemplate'),
    jobs: cache<Job>('Job', { [INDEX.release]: releaseOfJob }),
  };
}
