import { describe, expect, it } from 'vitest';
import {
  CATALOGUE,
  type CanaryRelease,
  type CanaryReleaseObject,
  type Deployment,
  FINALIZER,
  type Pod,
  ownerRefOf,
} from '../../api/index.ts';
import type { KubeObject } from '../../kube/types.ts';
import { deploymentOf, revisionOf, serviceOf } from '../../workloads/index.ts';
import { aRelease } from '../../workloads/testing.ts';
import { cachesOf } from './caches.testing.ts';
import { type Gathered, gather } from './observe.ts';

const NO_SECRETS = () => ({ unneeded: true as const });

/** What a pass over the release sees where the cluster has these other objects. */
function look(
  release: CanaryReleaseObject,
  others: readonly KubeObject[] = [],
  unserved: string[] = [],
): Gathered {
  const gathered = gather(release, cachesOf([release, ...others], unserved), undefined, NO_SECRETS);
  if ('problems' in gathered) throw new Error(JSON.stringify(gathered.problems));
  return gathered;
}

const targetOf = ({ spec }: CanaryRelease) => revisionOf(spec);

function service(name: string, spec: Record<string, unknown>, owner?: CanaryRelease): KubeObject {
  const ownerReferences = owner === undefined ? {} : { ownerReferences: [ownerRefOf(owner)] };
  const metadata = { name, namespace: 'bookinfo', uid: `uid-${name}`, ...ownerReferences };
  return { apiVersion: 'v1', kind: 'Service', metadata, spec } as KubeObject;
}

function deployment(
  release: CanaryRelease,
  revision = targetOf(release),
  more: Partial<Deployment> = {},
): Deployment {
  const made = deploymentOf(release, revision, 3);
  return { ...made, metadata: { ...made.metadata, uid: `uid-${revision}`, resourceVersion: '9' }, ...more };
}

function pod(
  name: string,
  revision: string,
  status: Pod['status'],
  more: Partial<Pod['metadata']> = {},
): Pod {
  const labels = { 'songbird.dev/release': 'reviews', 'songbird.dev/revision': revision };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'bookinfo', uid: `uid-${name}`, labels, ...more },
    ...(status === undefined ? {} : { status }),
  };
}

const READY = { conditions: [{ type: 'Ready', status: 'True' }] };
const fine = { selector: { app: 'reviews' }, ports: [{ name: 'http', port: 9080 }] };

describe('what keeps a manifest from touching traffic has a code, and names the field and the mend', () => {
  const withHosts = (hosts: string[]) => aRelease({ traffic: { istio: { hosts } } });
  const withGateways = (gateways: string[]) =>
    aRelease({ traffic: { istio: { hosts: ['reviews'], gateways } } });
  const older = (release: CanaryRelease): KubeObject => ({
    ...release,
    metadata: {
      ...release.metadata,
      name: 'first',
      uid: 'uid-first',
      creationTimestamp: '2029-01-01T00:00:00Z',
    },
  });

  it.each<[string, CanaryRelease, readonly KubeObject[], string, string]>([
    [
      'a Service without the port',
      aRelease(),
      [service('reviews', { ...fine, ports: [{ name: 'http', port: 80 }] })],
      'ServiceMismatch',
      'Service reviews has no port 9080 (it has 80): set spec.service.port to one of its ports, or add the port',
    ],
    [
      'a Service without any port',
      aRelease(),
      [service('reviews', { selector: fine.selector })],
      'ServiceMismatch',
      'Service reviews has no port 9080 (it has none): set spec.service.port to one of its ports, or add the port',
    ],
    [
      'a Service whose port has no name',
      aRelease(),
      [service('reviews', { ...fine, ports: [{ port: 9080 }] })],
      'ServiceMismatch',
      'port 9080 of Service reviews is unnamed: name it <protocol>[-suffix], such as http, since Istio reads the protocol from it',
    ],
    [
      'a Service whose port has a name that tells nothing',
      aRelease(),
      [service('reviews', { ...fine, ports: [{ name: 'web', port: 9080 }] })],
      'ServiceMismatch',
      'port 9080 of Service reviews is named web: name it <protocol>[-suffix], such as http, since Istio reads the protocol from it',
    ],
    [
      'a Service that selects other pods',
      aRelease(),
      [service('reviews', { ...fine, selector: { app: 'reviews', tier: 'web' } })],
      'ServiceMismatch',
      "Service reviews selects tier=web, which this release's pods don't carry: add the labels to spec.template.metadata.labels",
    ],
    [
      'a missing Service',
      withHosts(['reviews', 'front']),
      [],
      'HostNotFound',
      'spec.traffic.istio.hosts[1]: there is no Service front in namespace bookinfo: name the Service that callers use, such as reviews',
    ],
    [
      'a missing Service of another namespace',
      withHosts(['front.web.svc.cluster.local']),
      [],
      'HostNotFound',
      'spec.traffic.istio.hosts[0]: there is no Service front in namespace web: name the Service that callers use, such as reviews',
    ],
    [
      'a missing Gateway',
      withGateways(['mesh', 'public']),
      [],
      'GatewayNotFound',
      'spec.traffic.istio.gateways[1]: there is no Gateway public in namespace bookinfo: create it, or name one that exists as namespace/name',
    ],
    [
      'two releases for one workload',
      aRelease(),
      [older(aRelease())],
      'WorkloadConflict',
      'CanaryRelease bookinfo/first already manages Service bookinfo/reviews: delete one of the two, or give this one a Service and hosts of its own (spec.service.name, spec.traffic.istio.hosts)',
    ],
    [
      'routes of someone else with the name that it needs',
      aRelease(),
      [
        {
          apiVersion: 'networking.istio.io/v1',
          kind: 'VirtualService',
          metadata: { name: 'reviews', namespace: 'bookinfo' },
          spec: {},
        } as KubeObject,
      ],
      'NameConflict',
      'VirtualService reviews exists and does not belong to this CanaryRelease: delete or rename it, since Songbird makes one of this name',
    ],
    [
      'a Deployment of someone else with the name that it needs',
      aRelease(),
      [
        deployment(aRelease(), targetOf(aRelease()), {
          metadata: { name: `reviews-${targetOf(aRelease())}`, namespace: 'bookinfo' },
        }),
      ],
      'NameConflict',
      `Deployment reviews-${targetOf(aRelease())} exists and does not belong to CanaryRelease reviews: delete or rename it`,
    ],
  ])('%s', (_what, release, others, reason, message) => {
    const { problems } = look(release, others).observed;
    expect(problems).toEqual([{ reason, message }]);
    expect(CATALOGUE).toHaveProperty(reason);
  });

  it('a cluster without Istio', () => {
    for (const kind of ['VirtualService', 'DestinationRule']) {
      expect(look(aRelease(), [], [kind]).observed.problems).toEqual([
        {
          reason: 'RouterMissing',
          message:
            'spec.traffic.istio needs Istio, but this cluster does not serve networking.istio.io/v1: install Istio and its CRDs',
        },
      ]);
    }
  });

  it('an object that an older CRD let through', () => {
    const release: CanaryReleaseObject = aRelease();
    const spec = {
      ...(release.spec as object),
      service: { name: 'reviews' },
      steps: [{ weight: 40 }, { weight: 20 }],
    };
    const gathered = gather({ ...release, spec }, cachesOf([]), undefined, NO_SECRETS);
    expect('problems' in gathered && gathered.problems.map(({ reason }) => reason)).toContain('InvalidSpec');
    const sentences =
      'problems' in gathered ? gathered.problems.map(({ message }) => message).join('\n') : '';
    expect(sentences).toContain('spec.service.port is missing: give the port that callers use, such as 9080');
    expect(sentences).toContain('spec.service.portName is missing');
    expect(sentences).toMatch(/spec\.steps/);
  });

  it('mended, is none any more', () => {
    const release = withGateways(['mesh', 'ops/public']);
    const gateway: KubeObject = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'Gateway',
      metadata: { name: 'public', namespace: 'ops' },
    };
    expect(look(release, [gateway, service('reviews', fine)]).observed.problems).toEqual([]);
  });

  it('in the namespace that the name says, is none any more', () => {
    const front = service('front', fine);
    const release = withHosts(['front.web.svc.cluster.local']);
    expect(look(release, [front]).observed.problems).toHaveLength(1);
    const there = { ...front, metadata: { ...front.metadata, namespace: 'web' } };
    expect(look(release, [there]).observed.problems).toEqual([]);
  });

  it('is none where the operator may not look, since it sees one namespace only', () => {
    const release = aRelease({
      traffic: { istio: { hosts: ['front.web.svc.cluster.local'], gateways: ['ops/public', 'private'] } },
    });
    const caches = cachesOf([release], [], 'bookinfo');
    const gathered = gather(release, caches, undefined, NO_SECRETS);
    const { problems } = 'observed' in gathered ? gathered.observed : gathered;
    expect(problems.map(({ message }) => message)).toEqual([
      'spec.traffic.istio.gateways[1]: there is no Gateway private in namespace bookinfo: create it, or name one that exists as namespace/name',
    ]);
  });

  it('of two releases is a problem of the younger alone', () => {
    const release = aRelease();
    const younger = {
      ...release.metadata,
      name: 'second',
      uid: 'uid-second',
      creationTimestamp: '2031-01-01T00:00:00Z',
    };
    expect(look(release, [{ ...release, metadata: younger }]).observed.problems).toEqual([]);
  });
});

describe('pods that do not start are told of with the container and the mend', () => {
  const release = aRelease();
  const revision = targetOf(release);
  const waiting = (reason: string, message?: string): Pod['status'] => ({
    containerStatuses: [
      {
        name: 'reviews',
        image: 'reviews:v9',
        restartCount: 4,
        state: { waiting: { reason, ...(message === undefined ? {} : { message }) } },
        lastState: { terminated: { exitCode: 3 } },
      },
    ],
  });

  it.each([
    [
      'an image that cannot be pulled',
      waiting('ImagePullBackOff', 'not found'),
      'spec.template.spec.containers[name=reviews].image: reviews:v9 cannot be pulled (ImagePullBackOff: not found); set an image that exists and that the nodes may pull',
    ],
    [
      'a missing ConfigMap',
      waiting('CreateContainerConfigError', 'configmap "a" not found'),
      'spec.template.spec.containers[name=reviews] cannot start (CreateContainerConfigError: configmap "a" not found); make what it refers to, or mend the reference',
    ],
    [
      'a crash',
      waiting('CrashLoopBackOff'),
      'spec.template.spec.containers[name=reviews] keeps crashing with exit code 3 (4 restarts); see kubectl logs p1 -c reviews --previous, and mend spec.template',
    ],
  ])('%s', (_what, status, message) => {
    const { workloads } = look(release, [
      deployment(release),
      pod('p0', revision, READY),
      pod('p1', revision, status),
    ]).observed;
    expect(workloads[revision]).toEqual({
      replicas: 3,
      ready: 1,
      pods: 2,
      drifted: false,
      problem: { reason: 'PodsNotStarting', message },
    });
  });

  it('pods that are refused', () => {
    const conditions = [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota' }];
    const { workloads } = look(release, [deployment(release, revision, { status: { conditions } })]).observed;
    expect(workloads[revision]?.problem).toEqual({
      reason: 'PodsNotStarting',
      message: `pods of Deployment reviews-${revision} are refused: exceeded quota`,
    });
  });
});

describe('what belongs to a release', () => {
  const release = aRelease();
  const revision = targetOf(release);

  it('are the Deployments that it owns, by revision, not those that only carry its label', () => {
    const foreign = deployment(release, 'other');
    foreign.metadata.ownerReferences = [{ ...ownerRefOf(release), uid: 'uid-of-its-predecessor' }];
    const { deployments, observed } = look(release, [
      deployment(release),
      deployment(release, 'old'),
      foreign,
    ]);
    expect(Object.keys(deployments).sort()).toEqual([revision, 'old'].sort());
    expect(Object.keys(observed.workloads).sort()).toEqual([revision, 'old'].sort());
  });

  it('are pods by revision; one on its way out does not serve', () => {
    const leaving = pod('p2', revision, READY, { deletionTimestamp: '2030-01-01T00:00:00Z' });
    const { observed } = look(release, [
      deployment(release),
      pod('p1', revision, READY),
      leaving,
      pod('p3', revision, { conditions: [{ type: 'Ready', status: 'False' }] }),
      pod('p4', revision, undefined),
      pod('p5', 'old', READY),
      pod('p6', revision, READY, { namespace: 'elsewhere' }),
    ]);
    expect(observed.workloads[revision]).toMatchObject({ pods: 4, ready: 1 });
  });

  it('drifts where its present template was changed, while earlier ones are taken as they are', () => {
    const edited = deployment(release);
    edited.spec = {
      ...edited.spec,
      template: { spec: { containers: [{ name: 'reviews', image: 'other' }] } },
    };
    const old = deployment(release, 'old');
    old.spec = edited.spec;
    const { workloads } = look(release, [edited, old]).observed;
    expect([workloads[revision]?.drifted, workloads['old']?.drifted]).toEqual([true, false]);
  });

  it.each([
    ['absent', []],
    ['foreign', [service('reviews', fine)]],
    ['ok', [{ ...serviceOf(release), metadata: { ...serviceOf(release).metadata, uid: 'u' } }]],
    ['drifted', [{ ...serviceOf(release), spec: { ...serviceOf(release).spec, selector: { app: 'x' } } }]],
  ])('is a Service that is %s', (state, services) => {
    expect(look(release, services as KubeObject[]).observed.service).toBe(state);
  });

  it('are commands by their own time, less those on their way out', () => {
    const command = (name: string, more: object = {}, status?: object): KubeObject =>
      ({
        apiVersion: 'songbird.dev/v1alpha1',
        kind: 'ReleaseCommand',
        metadata: {
          name,
          namespace: 'bookinfo',
          uid: `uid-${name}`,
          creationTimestamp: '2030-01-01T00:00:05Z',
          ...more,
        },
        spec: { release: 'reviews', revision, action: 'abort' },
        ...(status === undefined ? {} : { status }),
      }) as KubeObject;
    const { commands } = look(release, [
      command('new'),
      command('done', {}, { phase: 'Executed', finishedAt: '2030-01-01T00:00:09Z' }),
      command('leaving', { deletionTimestamp: '2030-01-01T00:00:07Z' }),
    ]).observed;
    expect(
      commands.map(({ name, uid, createdAt, finishedAt }) => [name, uid, createdAt, finishedAt]),
    ).toEqual([
      ['new', 'uid-new', Date.parse('2030-01-01T00:00:05Z'), undefined],
      ['done', 'uid-done', Date.parse('2030-01-01T00:00:05Z'), Date.parse('2030-01-01T00:00:09Z')],
    ]);
  });
});

describe('the release itself', () => {
  it('tells whether it is being deleted, what keeps it, and which revision it wants', () => {
    const release = aRelease();
    const { observed } = look(release);
    expect(observed).toMatchObject({ name: 'reviews', generation: 1, deleting: false, hasFinalizer: false });
    expect(observed.target).toBe(targetOf(release));
    const leaving = {
      ...release.metadata,
      finalizers: [FINALIZER],
      deletionTimestamp: '2030-01-01T00:00:00Z',
    };
    expect(look({ ...release, metadata: leaving }).observed).toMatchObject({
      deleting: true,
      hasFinalizer: true,
    });
  });

  it('shows a write that was refused', () => {
    const release = aRelease();
    const problem = { reason: 'ApiWriteFailed' as const, message: 'refused' };
    const gathered = gather(release, cachesOf([release]), problem, NO_SECRETS);
    expect('observed' in gathered && gathered.observed.refusedWrite).toEqual(problem);
  });
});
