import {
  type CanaryRelease,
  type Deployment,
  LABELS,
  type PodTemplate,
  type Problem,
  type Service,
  isOwnedBy,
  workloadName,
} from '../api/index.ts';
import { deploymentOf } from './intents.ts';

const PROTOCOL = /^(http|http2|https|grpc|grpc-web|tcp|tls|mongo|mysql|redis|udp)(-|$)/;

/** Whether a Service of someone else can be used for this release: its port, the port's name, and what it selects. */
export function checkService(
  release: CanaryRelease,
  service: Service | undefined,
  revision: string,
): Problem[] {
  if (service === undefined || isOwnedBy(service, release)) return [];
  const { name, port, portName } = release.spec.service;
  const problems: Problem[] = [];
  const mismatch = (message: string) => problems.push({ reason: 'ServiceMismatch', message });
  const found = service.spec.ports?.find((candidate) => candidate.port === port);
  if (found === undefined) {
    const ports = service.spec.ports?.map((candidate) => candidate.port).join(', ') ?? 'none';
    mismatch(
      `Service ${name} has no port ${port} (it has ${ports}): set spec.service.port to one of its ports, or add the port`,
    );
  } else if (found.appProtocol === undefined && !PROTOCOL.test(found.name ?? '')) {
    mismatch(
      `port ${port} of Service ${name} is ${found.name === undefined ? 'unnamed' : `named ${found.name}`}: name it <protocol>[-suffix], such as ${portName}, since Istio reads the protocol from it`,
    );
  }
  const labels = deploymentOf(release, revision, 0).metadata.labels ?? {};
  const missing = Object.entries(service.spec.selector ?? {}).filter(([key, value]) => labels[key] !== value);
  if (service.spec.selector === undefined || missing.length > 0) {
    const wanted = missing.map(([key, value]) => `${key}=${value}`).join(', ');
    mismatch(
      wanted === ''
        ? `Service ${name} has no selector, so it cannot select this release's pods: give it the selector ${LABELS.release}=${release.metadata.name}`
        : `Service ${name} selects ${wanted}, which this release's pods don't carry: add the labels to spec.template.metadata.labels`,
    );
  }
  return problems;
}

/**
 * Whether the Service's port leads to pods of all revisions that it may have to serve. It is one Service, and it changes at
 * once: a port that the stable pods lack would take their traffic down, and a rollback could not give it back. Pods
 * that declare no ports say nothing.
 * @param templates the pod templates by the name under which a user knows them
 */
export function checkTargetPort(
  { spec }: CanaryRelease,
  templates: Readonly<Record<string, PodTemplate>>,
): Problem[] {
  const { port, targetPort = port } = spec.service;
  for (const [owner, template] of Object.entries(templates)) {
    const ports = template.spec.containers.flatMap(portsOf);
    const fits = ports.some(({ name, containerPort }) => targetPort === name || targetPort === containerPort);
    if (ports.length === 0 || fits) continue;
    const known = ports.map(({ name, containerPort }) => name ?? containerPort).join(', ');
    return [
      {
        reason: 'ServiceMismatch',
        message: `spec.service.targetPort is ${targetPort}, which no container of ${owner} has (they have ${known}): name the port alike in all versions, such as ports: [{name: http, containerPort: ...}], and set targetPort to that name`,
      },
    ];
  }
  return [];
}

interface ContainerPort {
  readonly name?: string | undefined;
  readonly containerPort: number;
}

function portsOf(container: Readonly<Record<string, unknown>>): ContainerPort[] {
  const { ports } = container;
  return Array.isArray(ports) ? (ports as ContainerPort[]) : [];
}

/** A Deployment with the name that this revision needs, belonging to someone else. */
export function checkDeploymentName(
  release: CanaryRelease,
  revision: string,
  deployment: Deployment | undefined,
): Problem[] {
  if (deployment === undefined || isOwnedBy(deployment, release)) return [];
  const name = workloadName(release.metadata.name, revision);
  return [
    {
      reason: 'NameConflict',
      message: `Deployment ${name} exists and does not belong to CanaryRelease ${release.metadata.name}: delete or rename it`,
    },
  ];
}
