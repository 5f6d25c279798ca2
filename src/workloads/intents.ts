import {
  type CanaryRelease,
  type Deployment,
  LABELS,
  type PodTemplate,
  type Service,
  baselineName,
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
  // It would make every pod one of a baseline.
  const { [LABELS.baseline]: _reserved, ...own } = spec.template.metadata?.labels ?? {};
  const labels = {
    [LABELS.app]: metadata.name,
    ...own,
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

/**
 * The Deployment of a fresh baseline, whole, as it is to be applied: pods like those of the stable revision, behind the same
 * routes. The stable Deployment's selector takes them in, too; but controllers keep to the pods of their own ReplicaSets.
 * @param stable the Deployment of the stable revision: its template may be nowhere else any more
 * @param attempt the release for which it is made
 */
export function baselineDeployment(
  release: CanaryRelease,
  stable: Deployment,
  { revision, attempt, replicas }: { revision: string; attempt: number; replicas: number },
): Deployment {
  const { name, namespace = '' } = release.metadata;
  const identity = {
    [LABELS.release]: name,
    [LABELS.revision]: revision,
    [LABELS.baseline]: String(attempt),
  };
  const template = stable.spec.template as PodTemplate;
  const { annotations } = template.metadata ?? {};
  const labels = { ...template.metadata?.labels, ...identity };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: baselineName(name, revision, attempt),
      namespace,
      labels,
      ownerReferences: [ownerRefOf(release)],
    },
    spec: {
      replicas,
      selector: { matchLabels: identity },
      template: {
        metadata: { labels, ...(annotations === undefined ? {} : { annotations }) },
        spec: template.spec,
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
