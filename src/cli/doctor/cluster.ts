import { crds } from '../../api/crd.ts';
import { VERSION } from '../../api/names.ts';
import { canaryReleases, notificationPolicies, releaseCommands } from '../../api/resources.ts';
import type { ApiClient, KubeObject, ResourceType } from '../../kube/types.ts';
import { isApiError } from '../../kube/types.ts';
import {
  customResourceDefinitions,
  deployments,
  destinationRules,
  events,
  jobs,
  leases,
  pods,
  services,
  virtualServices,
} from '../../kube/well-known.ts';
import { type Check, bad, good, look, unknown } from './check.ts';

/** Where `config/` installs the operator. */
export const OPERATOR = { namespace: 'songbird-system', name: 'songbird' } as const;

const INSTALL = 'kubectl apply -k config/';

/** What every release of the cluster needs. @param now ms since the epoch */
export async function clusterChecks(client: ApiClient, namespace: string, now: number): Promise<Check[]> {
  const all = await Promise.all([
    ...crds().map(({ metadata }) => definition(client, metadata.name, VERSION, INSTALL)),
    ...[virtualServices, destinationRules].map(({ plural, group, version }) =>
      definition(client, `${plural}.${group}`, version, 'install Istio: istioctl install'),
    ),
    operator(client),
    leader(client, now),
    person(client, namespace),
    rights(client),
  ]);
  return all.flat();
}

interface Definition extends KubeObject {
  readonly spec?: { readonly versions?: readonly { readonly name: string; readonly served: boolean }[] };
}

async function definition(client: ApiClient, name: string, version: string, mend: string): Promise<Check> {
  const looked = await look<Definition>(client, customResourceDefinitions, { name });
  if ('denied' in looked) return unknown(`may not look at the CRD ${name}: ${looked.denied}`);
  if (looked.found === undefined) return bad(`the CRD ${name} is missing`, mend);
  const isServed = looked.found.spec?.versions?.some((one) => one.name === version && one.served) === true;
  return isServed
    ? good(`the CRD ${name} serves ${version}`)
    : bad(`the CRD ${name} does not serve ${version}`, `bring it up to date: ${mend}`);
}

interface Workload extends KubeObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly readyReplicas?: number };
}

async function operator(client: ApiClient): Promise<Check> {
  const looked = await look<Workload>(client, deployments, OPERATOR);
  const what = `the operator's Deployment ${OPERATOR.namespace}/${OPERATOR.name}`;
  if ('denied' in looked) return unknown(`may not look at ${what}: ${looked.denied}`);
  // It may be installed under another name, and then its lease tells.
  if (looked.found === undefined)
    return unknown(`there is no Deployment ${OPERATOR.namespace}/${OPERATOR.name}`);
  const { spec, status } = looked.found;
  const [ready, wanted] = [status?.readyReplicas ?? 0, spec?.replicas ?? 1];
  return ready > 0
    ? good(`${ready} of ${wanted} pods of ${what} are ready`)
    : bad(
        `no pod of ${what} is ready`,
        `kubectl -n ${OPERATOR.namespace} describe deployment ${OPERATOR.name}; kubectl -n ${OPERATOR.namespace} logs deployment/${OPERATOR.name}`,
      );
}

interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly renewTime?: string;
    readonly leaseDurationSeconds?: number;
  };
}

async function leader(client: ApiClient, now: number): Promise<Check> {
  const looked = await look<Lease>(client, leases, OPERATOR);
  const what = `the lease ${OPERATOR.namespace}/${OPERATOR.name}`;
  if ('denied' in looked) return unknown(`may not look at ${what}: ${looked.denied}`);
  const { holderIdentity: holder = '', renewTime, leaseDurationSeconds = 15 } = looked.found?.spec ?? {};
  // An operator without --leader-elect holds none; whether it has seen the releases tells.
  if (looked.found === undefined) return unknown(`nobody has ever held ${what}`);
  const age = renewTime === undefined ? Infinity : now - Date.parse(renewTime);
  return holder !== '' && age < 2000 * leaseDurationSeconds
    ? good(`an operator leads: ${holder}`)
    : bad(
        `no operator leads: nobody has renewed ${what} of late`,
        `kubectl -n ${OPERATOR.namespace} get pods`,
      );
}

const accessReviews = (kind: 'SelfSubjectAccessReview' | 'SubjectAccessReview'): ResourceType => ({
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: `${kind.toLowerCase()}s`,
  kind,
  namespaced: false,
});

interface Review extends KubeObject {
  readonly spec: object;
  readonly status?: { readonly allowed: boolean };
}

/** Whether somebody may do something; undefined where nobody says. */
async function mayDo(
  client: ApiClient,
  { group, plural: resource }: ResourceType,
  verb: string,
  more: { readonly namespace?: string; readonly user?: string; readonly subresource?: string },
): Promise<boolean | undefined> {
  const { user, namespace, subresource } = more;
  const kind = user === undefined ? 'SelfSubjectAccessReview' : 'SubjectAccessReview';
  const resourceAttributes = { group, resource, verb, namespace, subresource };
  const review: Review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind,
    metadata: { name: '' },
    spec: user === undefined ? { resourceAttributes } : { user, resourceAttributes },
  };
  try {
    return (await client.create<Review>(accessReviews(kind), review)).status?.allowed === true;
  } catch (error) {
    if (isApiError(error, 403) || isApiError(error, 404)) return undefined;
    throw error;
  }
}

async function person(client: ApiClient, namespace: string): Promise<Check[]> {
  const may = await mayDo(client, releaseCommands, 'create', { namespace });
  if (may === undefined) return [unknown('nobody says what you may do')];
  return may
    ? [good(`you may give commands in namespace ${namespace}`)]
    : [
        unknown(
          `you may not give commands in namespace ${namespace}; the ClusterRole songbird-command is for that`,
        ),
      ];
}

/** What the operator cannot do without. */
const NEEDED: readonly {
  readonly type: ResourceType;
  readonly verb: string;
  readonly subresource?: string;
}[] = [
  { type: canaryReleases, verb: 'patch' },
  { type: canaryReleases, verb: 'update', subresource: 'status' },
  { type: releaseCommands, verb: 'update', subresource: 'status' },
  { type: notificationPolicies, verb: 'update', subresource: 'status' },
  { type: deployments, verb: 'patch' },
  { type: services, verb: 'patch' },
  { type: virtualServices, verb: 'patch' },
  { type: destinationRules, verb: 'patch' },
  { type: pods, verb: 'watch' },
  { type: jobs, verb: 'create' },
  { type: events, verb: 'create' },
];

async function rights(client: ApiClient): Promise<Check> {
  const user = `system:serviceaccount:${OPERATOR.namespace}:${OPERATOR.name}`;
  const answers = await Promise.all(
    NEEDED.map(async ({ type, verb, subresource }) => ({
      what: `${verb} ${type.plural}${subresource === undefined ? '' : `/${subresource}`}`,
      may: await mayDo(client, type, verb, { user, ...(subresource === undefined ? {} : { subresource }) }),
    })),
  );
  const missing = answers.filter(({ may }) => may === false).map(({ what }) => what);
  if (missing.length > 0) return bad(`the operator may not ${missing.join(', ')}`, INSTALL);
  return answers.some(({ may }) => may === undefined)
    ? unknown('nobody says what the operator may do')
    : good('the operator has its rights');
}
