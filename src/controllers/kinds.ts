import { GROUP, VERSION } from '../api/index.ts';
import type { ResourceType } from '../kube/types.ts';

export const canaryReleases: ResourceType = {
  group: GROUP,
  version: VERSION,
  plural: 'canaryreleases',
  kind: 'CanaryRelease',
  namespaced: true,
};

export const analysisTemplates: ResourceType = {
  group: GROUP,
  version: VERSION,
  plural: 'analysistemplates',
  kind: 'AnalysisTemplate',
  namespaced: true,
};

export const clusterAnalysisTemplates: ResourceType = {
  group: GROUP,
  version: VERSION,
  plural: 'clusteranalysistemplates',
  kind: 'ClusterAnalysisTemplate',
  namespaced: false,
};

export const releaseCommands: ResourceType = {
  group: GROUP,
  version: VERSION,
  plural: 'releasecommands',
  kind: 'ReleaseCommand',
  namespaced: true,
};
