import type {
  AnalysisTemplateObject,
  CanaryReleaseObject,
  Deployment,
  DestinationRule,
  Job,
  Pod,
  ReleaseCommand,
  Service,
  VirtualService,
} from '../../api/index.ts';
import type { KubeObject } from '../../kube/types.ts';

/** What a pass reads of an informer. Its objects are shared: read-only. */
export interface Cache<T extends KubeObject> {
  get(key: string): T | undefined;
  list(namespace?: string): readonly T[];
  byIndex(index: string, value: string): readonly T[];
  /** False until the first list is there; stays so where the cluster does not serve the kind. */
  readonly hasSynced: boolean;
}

/** Everything that a pass sees of the cluster. */
export interface Caches {
  /** The only namespace whose objects are in the caches; all are when undefined. */
  readonly namespace?: string | undefined;
  readonly releases: Cache<CanaryReleaseObject>;
  readonly commands: Cache<ReleaseCommand>;
  readonly deployments: Cache<Deployment>;
  readonly pods: Cache<Pod>;
  readonly services: Cache<Service>;
  readonly virtualServices: Cache<VirtualService>;
  readonly destinationRules: Cache<DestinationRule>;
  readonly gateways: Cache<KubeObject>;
  readonly analysisTemplates: Cache<AnalysisTemplateObject>;
  readonly clusterAnalysisTemplates: Cache<AnalysisTemplateObject>;
  readonly jobs: Cache<Job>;
}

/** Names of the informers' indexes. */
export const INDEX = {
  /** Deployments, pods, Jobs and commands by `namespace/release`. */
  release: 'release',
  /** CanaryReleases by what only one of them may manage; see {@link claimsOf}. */
  claim: 'claim',
  /** CanaryReleases by the Services and Gateways that they name. */
  need: 'need',
  /** CanaryReleases by the templates that they name; see {@link templateKey}. */
  template: 'template',
} as const;

/** What the index of templates knows a template by. */
export function templateKey(kind: string, namespace: string | undefined, name: string): string {
  return kind === 'ClusterAnalysisTemplate' ? `${kind} ${name}` : `${kind} ${namespace ?? ''}/${name}`;
}
