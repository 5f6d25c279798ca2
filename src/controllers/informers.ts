import {
  type AnalysisTemplateObject,
  type CanaryReleaseObject,
  type Deployment,
  type DestinationRule,
  type Job,
  LABELS,
  type Pod,
  type ReleaseCommand,
  type Service,
  type VirtualService,
} from '../api/index.ts';
import type { Clock } from '../kube/clock.ts';
import { Informer, type InformerPhase } from '../kube/informer.ts';
import type { ApiClient, KubeObject, ResourceType } from '../kube/types.ts';
import {
  deployments,
  destinationRules,
  gateways,
  jobs,
  pods,
  services,
  virtualServices,
} from '../kube/well-known.ts';
import { claimsOf, withoutReport } from '../workloads/index.ts';
import { INDEX } from './canary-release/caches.ts';
import { needsOf, releaseOfJob, releaseOfLabel, templatesOf } from './canary-release/triggers.ts';
import {
  analysisTemplates,
  canaryReleases,
  clusterAnalysisTemplates,
  releaseCommands,
} from '../api/resources.ts';

export interface InformerDependencies {
  readonly client: ApiClient;
  readonly clock: Clock;
  /** Only this namespace; all when undefined. */
  readonly namespace: string | undefined;
  readonly random: () => number;
  readonly onError: (type: ResourceType, error: unknown, phase: InformerPhase) => void;
  /** The cache of this kind follows the API server again after errors. */
  readonly onRecovery: (type: ResourceType) => void;
}

/** One cache a kind, each with just the objects and indexes that passes need. */
export interface Informers {
  readonly releases: Informer<CanaryReleaseObject>;
  readonly commands: Informer<ReleaseCommand>;
  readonly deployments: Informer<Deployment>;
  readonly pods: Informer<Pod>;
  readonly services: Informer<Service>;
  readonly virtualServices: Informer<VirtualService>;
  readonly destinationRules: Informer<DestinationRule>;
  readonly gateways: Informer<KubeObject>;
  readonly analysisTemplates: Informer<AnalysisTemplateObject>;
  readonly clusterAnalysisTemplates: Informer<AnalysisTemplateObject>;
  readonly jobs: Informer<Job>;
}

export function createInformers(dependencies: InformerDependencies): Informers {
  const { client, clock, namespace, random, onError, onRecovery } = dependencies;
  const make = <T extends KubeObject>(
    type: ResourceType,
    more: {
      labelSelector?: string;
      indexers?: Record<string, (object: T) => readonly string[]>;
      transform?: (object: T) => T;
    } = {},
  ) =>
    new Informer<T>({
      client,
      type,
      clock,
      namespace: type.namespaced ? namespace : undefined,
      transform: dropManagedFields,
      onError: (error, phase) => {
        onError(type, error, phase);
      },
      onRecovery: () => {
        onRecovery(type);
      },
      random,
      ...more,
    });
  const byLabel = { [INDEX.release]: releaseOfLabel };
  return {
    releases: make<CanaryReleaseObject>(canaryReleases, {
      indexers: { [INDEX.claim]: claimsOf, [INDEX.need]: needsOf, [INDEX.template]: templatesOf },
    }),
    commands: make<ReleaseCommand>(releaseCommands, {
      indexers: {
        [INDEX.release]: ({ metadata, spec }: ReleaseCommand) => [
          `${metadata.namespace ?? ''}/${spec.release}`,
        ],
      },
    }),
    deployments: make<Deployment>(deployments, {
      labelSelector: LABELS.release,
      indexers: byLabel,
      // Nothing here reads reports, and each release has several.
      transform: (deployment) => withoutReport(dropManagedFields(deployment)),
    }),
    pods: make<Pod>(pods, { labelSelector: LABELS.release, indexers: byLabel }),
    services: make<Service>(services),
    virtualServices: make<VirtualService>(virtualServices, { labelSelector: LABELS.release }),
    destinationRules: make<DestinationRule>(destinationRules, { labelSelector: LABELS.release }),
    gateways: make<KubeObject>(gateways),
    analysisTemplates: make<AnalysisTemplateObject>(analysisTemplates),
    clusterAnalysisTemplates: make<AnalysisTemplateObject>(clusterAnalysisTemplates),
    jobs: make<Job>(jobs, { labelSelector: LABELS.analysis, indexers: { [INDEX.release]: releaseOfJob } }),
  };
}

/** Half of an object's bytes, and nothing here reads them. */
function dropManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields, ...metadata } = object.metadata as T['metadata'] & { managedFields?: unknown };
  return managedFields === undefined ? object : { ...object, metadata };
}
