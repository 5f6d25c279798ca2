import type { CanaryReleaseSpec, Pod, Service } from '../../api/index.ts';
import { ANNOTATIONS, LABELS } from '../../api/names.ts';
import type { ApiClient, KubeObject } from '../../kube/types.ts';
import { gateways, pods, services } from '../../kube/well-known.ts';
import type { ReleaseView } from '../view/release.ts';
import { type Check, bad, good, look, lookAll, unknown } from './check.ts';

/** What one release needs besides. */
export async function releaseChecks(client: ApiClient, view: ReleaseView): Promise<Check[]> {
  const { spec, problems, namespace } = view;
  if (spec === undefined)
    return problems.map(({ message }) =>
      bad(message, 'mend the manifest, and apply it: kubectl songbird lint -f FILE'),
    );
  const all = await Promise.all([
    service(client, spec, namespace),
    sidecars(client, view, spec),
    ...(spec.traffic.istio?.gateways ?? []).map((gateway) => gatewayCheck(client, gateway, namespace)),
  ]);
  return [...condition(view), ...all];
}

/** What the operator itself finds wrong. */
function condition({ status, name, isSeen }: ReleaseView): Check[] {
  // A version that was taken back is no fault of the cluster.
  if (status.phase === 'RolledBack') return [];
  if (!isSeen) return [bad(`the operator has not seen ${name} as it is`, 'see above whether one leads')];
  const stalled = status.conditions?.find(({ type, status: is }) => type === 'Stalled' && is === 'True');
  if (stalled === undefined) return [];
  return [bad(`${stalled.reason}: ${stalled.message}`, `kubectl songbird why ${name}`)];
}

async function service(
  client: ApiClient,
  { service: wanted }: CanaryReleaseSpec,
  namespace: string,
): Promise<Check> {
  const looked = await look<Service>(client, services, { name: wanted.name, namespace });
  const what = `Service ${wanted.name}`;
  if ('denied' in looked) return unknown(`may not look at ${what}: ${looked.denied}`);
  if (looked.found === undefined)
    return bad(`there is no ${what}`, 'the operator makes it with the first release');
  const port = looked.found.spec.ports?.find((one) => one.port === wanted.port);
  if (port === undefined)
    return bad(`${what} has no port ${wanted.port}`, 'add it to the Service, or mend spec.service.port');
  const protocol = port.appProtocol ?? port.name ?? '';
  return PROTOCOL.test(protocol)
    ? good(`${what} has port ${wanted.port}, which Istio takes for ${protocol}`)
    : bad(
        `Istio does not know the protocol of port ${wanted.port} of ${what}, which is called "${port.name ?? ''}"`,
        'name it <protocol>[-suffix], such as http, or set appProtocol',
      );
}

const PROTOCOL = /^(http|http2|https|grpc|grpc-web|tcp|tls|mongo|mysql|redis)(-|$)|^kubernetes\.io\/h2c$/;

interface Containers extends Pod {
  readonly spec?: Pod['spec'] & {
    readonly containers?: readonly { readonly name: string }[];
    readonly initContainers?: readonly { readonly name: string }[];
  };
}

/** Without a sidecar nothing splits what goes to a pod, and nobody counts it. */
async function sidecars(
  client: ApiClient,
  { name, namespace }: ReleaseView,
  { analysis }: CanaryReleaseSpec,
): Promise<Check> {
  const labelSelector = `${LABELS.release}=${name}`;
  const looked = await lookAll<Containers>(client, pods, { namespace, labelSelector });
  if ('denied' in looked) return unknown(`may not look at pods: ${looked.denied}`);
  const all = looked.found ?? [];
  if (all.length === 0) return unknown(`${name} has no pods yet`);
  const without = all.filter(
    ({ metadata, spec }) =>
      metadata.annotations?.[ANNOTATIONS.statsPort] === undefined &&
      [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].every(
        (one) => one.name !== 'istio-proxy',
      ),
  );
  if (without.length === 0) return good(`all ${all.length} pods of ${name} have a sidecar`);
  const sentence = `${without.length} of ${all.length} pods of ${name} have no sidecar (istio-proxy)`;
  // Prometheus may have the counts of callers' proxies, or of waypoints.
  if (analysis.source === 'prometheus') return unknown(sentence);
  return bad(
    sentence,
    `kubectl label namespace ${namespace} istio-injection=enabled, and restart the pods; with another source of counts: spec.analysis.source prometheus`,
  );
}

async function gatewayCheck(client: ApiClient, gateway: string, own: string): Promise<Check> {
  if (gateway === 'mesh') return good('callers in the mesh are routed by their own sidecars');
  const [name = '', namespace = own] = gateway.split('/').reverse();
  const looked = await look<KubeObject>(client, gateways, { name, namespace });
  if ('denied' in looked) return unknown(`may not look at Gateway ${namespace}/${name}: ${looked.denied}`);
  return looked.found === undefined
    ? bad(`there is no Gateway ${namespace}/${name}`, 'make it, or mend spec.traffic.istio.gateways')
    : good(`there is a Gateway ${namespace}/${name}`);
}
