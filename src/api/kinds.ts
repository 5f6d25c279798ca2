import type { z } from 'zod';
import { analysisTemplateSpec } from './analysis-template.ts';
import { canaryReleaseSpec } from './canary-release.ts';
import { releaseCommandSpec, releaseCommandStatus } from './release-command.ts';
import { notificationPolicySpec, notificationPolicyStatus } from './notification-policy.ts';
import type { Rule } from './rules.ts';
import { canaryReleaseStatus } from './status.ts';

/** A column that `kubectl get` shows; those with `wide` only with `-o wide`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
  readonly wide?: true;
}

/** What the rules of a whole object look at. */
export interface Named {
  readonly metadata: { readonly name: string };
}

/** All that is to be known of one of our kinds; the CRDs, the validation and the reference docs are made from it. */
export interface Kind {
  readonly kind: string;
  readonly plural: string;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly shortName: string;
  readonly categories: readonly string[];
  readonly description: string;
  readonly spec: z.ZodType;
  /** The sentence when there is no spec. */
  readonly specMissing: string;
  /** Undefined where Songbird has nothing to tell of the kind. */
  readonly status: z.ZodType | undefined;
  readonly rules: readonly Rule<Named>[];
  readonly columns: readonly Column[];
  readonly scale?: {
    readonly specReplicasPath: string;
    readonly statusReplicasPath: string;
    readonly labelSelectorPath: string;
  };
}

/** Deployments are called NAME-HASH with ten characters of hash, and their names are values of labels too. */
const MAX_NAME = 52;

export const CANARY_RELEASE: Kind = {
  kind: 'CanaryRelease',
  plural: 'canaryreleases',
  scope: 'Namespaced',
  // Not `canary`: that is the singular of Flagger's kind, and both may be installed at once.
  shortName: 'crel',
  categories: ['all', 'songbird'],
  description:
    'One workload, and how its versions go out: step by step, with live traffic, and back by itself.',
  spec: canaryReleaseSpec,
  specMissing: 'spec is missing: give template, service, traffic and steps',
  status: canaryReleaseStatus,
  rules: [
    {
      cel: `self.metadata.name.size() <= ${MAX_NAME}`,
      check: ({ metadata }) => metadata.name.length <= MAX_NAME,
      message: `metadata.name must have at most ${MAX_NAME} characters: the Deployments of its revisions are called NAME-HASH`,
    },
  ],
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Step', type: 'integer', jsonPath: '.status.step.index' },
    { name: 'Of', type: 'integer', jsonPath: '.status.step.of', description: 'How many steps there are.' },
    {
      name: 'Weight',
      type: 'integer',
      jsonPath: '.status.step.observedWeight',
      description: "The candidate's share of the traffic in percent, as observed.",
    },
    { name: 'Message', type: 'string', jsonPath: '.status.message' },
    { name: 'Stable', type: 'string', jsonPath: '.status.stableRevision', wide: true },
    { name: 'Candidate', type: 'string', jsonPath: '.status.candidateRevision', wide: true },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  scale: {
    specReplicasPath: '.spec.replicas',
    statusReplicasPath: '.status.replicas',
    labelSelectorPath: '.status.selector',
  },
};

export const RELEASE_COMMAND: Kind = {
  kind: 'ReleaseCommand',
  plural: 'releasecommands',
  scope: 'Namespaced',
  shortName: 'rcmd',
  categories: ['songbird'],
  description:
    "A person's or a pipeline's order to one revision of one release. It is executed at most once.",
  spec: releaseCommandSpec,
  specMissing: 'spec is missing: give release, revision and action',
  status: releaseCommandStatus,
  rules: [],
  columns: [
    { name: 'Release', type: 'string', jsonPath: '.spec.release' },
    { name: 'Action', type: 'string', jsonPath: '.spec.action' },
    { name: 'Revision', type: 'string', jsonPath: '.spec.revision' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Message', type: 'string', jsonPath: '.status.message' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};

const TEMPLATE = {
  categories: ['songbird'],
  spec: analysisTemplateSpec,
  specMissing: 'spec is missing: give metrics, and args where they need some',
  status: undefined,
  rules: [],
  columns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
} as const;

export const ANALYSIS_TEMPLATE: Kind = {
  ...TEMPLATE,
  kind: 'AnalysisTemplate',
  plural: 'analysistemplates',
  scope: 'Namespaced',
  // Not `at`: that is Argo's kind of the same name.
  shortName: 'atpl',
  description: 'Metrics with arguments, for the CanaryReleases of a namespace.',
};

export const CLUSTER_ANALYSIS_TEMPLATE: Kind = {
  ...TEMPLATE,
  kind: 'ClusterAnalysisTemplate',
  plural: 'clusteranalysistemplates',
  scope: 'Cluster',
  shortName: 'catpl',
  description: 'Metrics with arguments, for the CanaryReleases of all namespaces.',
};

export const NOTIFICATION_POLICY: Kind = {
  kind: 'NotificationPolicy',
  plural: 'notificationpolicies',
  scope: 'Namespaced',
  shortName: 'npol',
  categories: ['songbird'],
  description: 'Who is told of what happens to the CanaryReleases of a namespace, and how.',
  spec: notificationPolicySpec,
  specMissing: 'spec is missing: give targets',
  status: notificationPolicyStatus,
  rules: [],
  columns: [
    { name: 'Ready', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
    { name: 'Message', type: 'string', jsonPath: '.status.message' },
    {
      name: 'Delivered',
      type: 'date',
      jsonPath: '.status.deliveredAt',
      description: 'The last delivery to any target.',
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};

export const KINDS: readonly Kind[] = [
  CANARY_RELEASE,
  RELEASE_COMMAND,
  ANALYSIS_TEMPLATE,
  CLUSTER_ANALYSIS_TEMPLATE,
  NOTIFICATION_POLICY,
];
