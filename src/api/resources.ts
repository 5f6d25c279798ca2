import { GROUP, VERSION } from './names.ts';

/** What a URL needs to know of a kind. */
interface Resource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export const canaryReleases: Resource = {
  group: GROUP,
  version: VERSION,
  plural: 'canaryreleases',
  kind: 'CanaryRelease',
  namespaced: true,
};

export const analysisTemplates: Resource = {
  group: GROUP,
  version: VERSION,
  plural: 'analysistemplates',
  kind: 'AnalysisTemplate',
  namespaced: true,
};

export const clusterAnalysisTemplates: Resource = {
  group: GROUP,
  version: VERSION,
  plural: 'clusteranalysistemplates',
  kind: 'ClusterAnalysisTemplate',
  namespaced: false,
};

export const releaseCommands: Resource = {
  group: GROUP,
  version: VERSION,
  plural: 'releasecommands',
  kind: 'ReleaseCommand',
  namespaced: true,
};

export const notificationPolicies: Resource = {
  group: GROUP,
  version: VERSION,
  plural: 'notificationpolicies',
  kind: 'NotificationPolicy',
  namespaced: true,
};
