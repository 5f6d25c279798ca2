import {
  type CanaryRelease,
  type DestinationRule,
  type Problem,
  type VirtualService,
  isOwnedBy,
} from '../../api/index.ts';

/** What the Istio router reads. */
export interface IstioLive {
  /** False where the cluster has no Istio CRDs. */
  readonly installed: boolean;
  readonly virtualService: VirtualService | undefined;
  readonly destinationRule: DestinationRule | undefined;
  /** Names of the namespace's Services, and of others as `name.namespace`. */
  readonly hasService: (name: string, namespace: string) => boolean;
  readonly hasGateway: (name: string, namespace: string) => boolean;
}

/** What a manifest asks of Istio that the cluster does not have. */
export function checkIstio(release: CanaryRelease, live: IstioLive): Problem[] {
  const { istio } = release.spec.traffic;
  if (istio === undefined) return [];
  if (!live.installed) {
    return [
      {
        reason: 'RouterMissing',
        message:
          'spec.traffic.istio needs Istio, but this cluster does not serve networking.istio.io/v1: install Istio and its CRDs',
      },
    ];
  }
  return [
    ...nameConflicts(release, live),
    ...istio.hosts.flatMap((host, index) => checkHost(release, host, index, live)),
    ...istio.gateways.flatMap((gateway, index) => checkGateway(release, gateway, index, live)),
  ];
}

function nameConflicts(release: CanaryRelease, live: IstioLive): Problem[] {
  return [live.virtualService, live.destinationRule]
    .filter((object) => object !== undefined && !isOwnedBy(object, release))
    .map((object) => ({
      reason: 'NameConflict',
      message: `${object?.kind ?? ''} ${release.metadata.name} exists and does not belong to this CanaryRelease: delete or rename it, since Songbird makes one of this name`,
    }));
}

/**
 * A short name, or one that ends in the cluster's own domain, must be a Service. Other names belong to a gateway or a
 * ServiceEntry, which only Istio can tell.
 */
function checkHost(release: CanaryRelease, host: string, index: number, live: IstioLive): Problem[] {
  const [name = '', namespace = release.metadata.namespace ?? '', ...rest] = host.split('.');
  const isService = rest.length === 0 ? !host.includes('*') && !host.includes('.') : rest[0] === 'svc';
  const isOwn = name === release.spec.service.name && namespace === release.metadata.namespace;
  if (!isService || isOwn || live.hasService(name, namespace)) return [];
  return [
    {
      reason: 'HostNotFound',
      message: `spec.traffic.istio.hosts[${index}]: there is no Service ${name} in namespace ${namespace}: name the Service that callers use, such as ${release.spec.service.name}`,
    },
  ];
}

function checkGateway(release: CanaryRelease, gateway: string, index: number, live: IstioLive): Problem[] {
  if (gateway === 'mesh') return [];
  const [first = '', second] = gateway.split('/');
  const namespace = second === undefined ? (release.metadata.namespace ?? '') : first;
  const name = second ?? first;
  if (live.hasGateway(name, namespace)) return [];
  return [
    {
      reason: 'GatewayNotFound',
      message: `spec.traffic.istio.gateways[${index}]: there is no Gateway ${name} in namespace ${namespace}: create it, or name one that exists as namespace/name`,
    },
  ];
}
