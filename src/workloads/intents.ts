import {
  type CanaryRelease,
  type Deployment,
  LABELS,
  type Service,
  ownerRefOf,
  workloadName,
} from '../api/index.ts';

/**
 * The Deployment of one revision, whole, as it is to be applied. Its selector has only labels that no other Deployment's
 * pods carry.
 */
export function deploymentOf(release: CanaryRelease, revision: string, replicas: number): Deployment {
  const { metadata, spec } = release;
  const identity = { [LABELS.release]: metadata.name, [LABELS.revision]: revision };
  const labels = {
    [LABELS.app]: metadata.name,
    ...spec.template.metadata?.labels,
    [LABELS.version]: spec.version ?? revision,
    ...identity,
  };
  const { annotations } = spec.template.metadata ?? {};
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: workloadName(metadata.name, revision),
      namespace: metadata.namespace ?? '',
      labels,
      ownerReferences: [ownerRefOf(release)],
    },
    spec: {
      replicas,
      selector: { matchLabels: identity },
      template: {
        metadata: { labels, ...(annotations === undefined ? {} : { annotations }) },
        spec: spec.template.spec,
      },
    },
  };
}

/** The Service, where the user has none. It selects the pods of every revision; the routes choose among them. */
export function serviceOf(release: CanaryRelease): Service {
  const { metadata, spec } = release;
  const { name, port, portName, targetPort } = spec.service;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace: metadata.namespace ?? '',
      labels: { [LABELS.app]: metadata.name, [LABELS.release]: metadata.name },
      ownerReferences: [ownerRefOf(release)],
    },
    spec: {
      selector: { [LABELS.release]: metadata.name },
      ports: [{ name: portName, port, targetPort: targetPort ?? port, protocol: 'TCP' }],
    },
  };
}
