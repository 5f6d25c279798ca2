import { describe, expect, it } from 'vitest';
import {
  type CanaryRelease,
  type Deployment,
  type Pod,
  type PodTemplate,
  type Service,
  ownerRefOf,
} from '../api/index.ts';
import {
  baselineDeployment,
  checkClaims,
  checkDeploymentName,
  checkService,
  checkTargetPort,
  deploymentOf,
  isReady,
  mayAnswer,
  revisionOf,
  serviceOf,
  startProblem,
} from './index.ts';
import { aRelease } from './testing.ts';

describe('a revision', () => {
  const { spec } = aRelease();

  it('is the same whatever the order of the keys, and another for any change of the template', () => {
    const reordered = JSON.parse(
      JSON.stringify({ spec: spec.template.spec, metadata: spec.template.metadata }),
    ) as typeof spec.template;
    expect(revisionOf({ template: reordered })).toBe(revisionOf(spec));
    expect(revisionOf({ template: { ...spec.template, metadata: { labels: { team: 'b' } } } })).not.toBe(
      revisionOf(spec),
    );
  });

  it('does not change with the number of replicas or the steps, and does with the version', () => {
    expect(revisionOf(aRelease({ replicas: 9, steps: [{ weight: 100 }] }).spec)).toBe(revisionOf(spec));
    expect(revisionOf(aRelease({ version: 'v2' }).spec)).not.toBe(revisionOf(spec));
  });

  it('stays what it is: an upgrade of Songbird must not start releases', () => {
    expect(revisionOf(spec)).toBe('ab524f3419');
  });
});

describe('the Deployment of a revision', () => {
  it('selects by labels that no other revision carries, and tells Istio app and version', () => {
    const deployment = deploymentOf(aRelease({ version: 'v1' }), 'abc', 3);
    expect(deployment.metadata).toMatchObject({
      name: 'reviews-abc',
      ownerReferences: [{ uid: 'uid-reviews' }],
    });
    expect(deployment.spec).toMatchObject({
      replicas: 3,
      selector: { matchLabels: { 'songbird.dev/release': 'reviews', 'songbird.dev/revision': 'abc' } },
      template: {
        metadata: { labels: { team: 'shop', app: 'reviews', version: 'v1', 'songbird.dev/revision': 'abc' } },
      },
    });
  });

  it('keeps the app label that the user gave', () => {
    const template = {
      metadata: { labels: { app: 'mine' } },
      spec: { containers: [{ name: 'a', image: 'a' }] },
    };
    expect(deploymentOf(aRelease({ template }), 'abc', 1).metadata.labels).toMatchObject({
      app: 'mine',
      version: 'abc',
    });
  });
});

describe('the Deployment of a fresh baseline', () => {
  const stable = (): Deployment => {
    const made = deploymentOf(aRelease({ version: 'v1' }), 'abc', 3);
    const annotations = { 'kubectl.kubernetes.io/restartedAt': 'then' };
    const template = made.spec.template as PodTemplate;
    const metadata = { ...template.metadata, annotations };
    return { ...made, spec: { ...made.spec, paused: true, template: { ...template, metadata } } };
  };
  const made = (release = aRelease({ template: { spec: { containers: [{ name: 'x', image: 'new' }] } } })) =>
    baselineDeployment(release, stable(), { revision: 'abc', attempt: 7, replicas: 2 });

  it("has the pods of stable's own Deployment, whatever spec.template says now", () => {
    const { spec } = made();
    const before = stable().spec.template as PodTemplate;
    const template = spec.template as PodTemplate;
    expect(template.spec).toEqual(before.spec);
    expect(template.metadata?.annotations).toEqual(before.metadata?.annotations);
    expect(template.metadata?.labels).toEqual({
      ...before.metadata?.labels,
      'songbird.dev/baseline': '7',
    });
    expect(Object.keys(spec).sort()).toEqual(['replicas', 'selector', 'template']);
  });

  it('has a name and a selector that no other attempt has, and belongs to the release', () => {
    const { metadata, spec } = made();
    expect(metadata).toMatchObject({
      name: 'reviews-abc-baseline-7',
      labels: { 'songbird.dev/release': 'reviews', 'songbird.dev/baseline': '7', version: 'v1' },
      ownerReferences: [{ uid: 'uid-reviews', controller: true }],
    });
    expect(spec.selector?.matchLabels).toEqual({
      'songbird.dev/release': 'reviews',
      'songbird.dev/revision': 'abc',
      'songbird.dev/baseline': '7',
    });
  });

  it('has a mark that no template can claim', () => {
    const template = {
      metadata: { labels: { 'songbird.dev/baseline': '7', team: 'shop' } },
      spec: { containers: [{ name: 'a', image: 'a' }] },
    };
    const { spec } = deploymentOf(aRelease({ template }), 'abc', 1);
    const { labels } = (spec.template as PodTemplate).metadata ?? {};
    expect(labels).toMatchObject({ team: 'shop' });
    expect(labels).not.toHaveProperty(['songbird.dev/baseline']);
  });
});

describe('an existing Service', () => {
  const foreign = (spec: Service['spec']): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'reviews', namespace: 'bookinfo' },
    spec,
  });
  const check = (spec: Service['spec']) =>
    checkService(aRelease(), foreign(spec), 'abc').map(({ message }) => message);

  it('is used as it is when it fits', () => {
    expect(check({ selector: { app: 'reviews' }, ports: [{ name: 'http', port: 9080 }] })).toEqual([]);
    expect(check({ selector: { app: 'reviews' }, ports: [{ port: 9080, appProtocol: 'http' }] })).toEqual([]);
    expect(checkService(aRelease(), serviceOf(aRelease()), 'abc')).toEqual([]);
  });

  it('is refused with the field and the mend when it does not', () => {
    expect(check({ selector: { app: 'reviews' }, ports: [{ name: 'http', port: 80 }] })).toEqual([
      'Service reviews has no port 9080 (it has 80): set spec.service.port to one of its ports, or add the port',
    ]);
    expect(check({ selector: { app: 'reviews' }, ports: [{ port: 9080 }] })).toEqual([
      'port 9080 of Service reviews is unnamed: name it <protocol>[-suffix], such as http, since Istio reads the protocol from it',
    ]);
    expect(check({ selector: { app: 'ratings' }, ports: [{ name: 'http', port: 9080 }] })).toEqual([
      "Service reviews selects app=ratings, which this release's pods don't carry: add the labels to spec.template.metadata.labels",
    ]);
    expect(check({ ports: [{ name: 'http', port: 9080 }] })).toEqual([
      "Service reviews has no selector, so it cannot select this release's pods: give it the selector songbird.dev/release=reviews",
    ]);
  });
});

describe('the port that the Service leads to', () => {
  const template = (ports: object[]) => ({ spec: { containers: [{ name: 'app', image: 'app:1', ports }] } });
  const check = (targetPort: number | string | undefined, stable: object[]) =>
    checkTargetPort(aRelease({ service: { name: 'reviews', port: 9080, portName: 'http', targetPort } }), {
      'spec.template': template([{ name: 'http', containerPort: 9080 }]),
      'the stable revision abc': template(stable),
    }).map(({ message }) => message);

  it('is there by number or by name, in all versions', () => {
    expect(check(undefined, [{ containerPort: 9080 }])).toEqual([]);
    expect(check(9080, [{ containerPort: 9080 }])).toEqual([]);
    expect(check('http', [{ name: 'http', containerPort: 8080 }])).toEqual([]);
  });

  it('is not known of pods that declare none', () => {
    expect(check('http', [])).toEqual([]);
  });

  it('must not be taken from under the stable version', () => {
    expect(check(9080, [{ name: 'web', containerPort: 8080 }])).toEqual([
      'spec.service.targetPort is 9080, which no container of the stable revision abc has (they have web): name the port alike in all versions, such as ports: [{name: http, containerPort: ...}], and set targetPort to that name',
    ]);
    expect(check('admin', [])).toEqual([
      expect.stringContaining('no container of spec.template has (they have http)'),
    ]);
  });
});

describe('two releases for one workload', () => {
  const older = aRelease();
  const younger = aRelease();
  younger.metadata = {
    ...younger.metadata,
    name: 'reviews-2',
    uid: 'uid-2',
    creationTimestamp: '2030-01-02T00:00:00Z',
  };

  it('the older keeps it, the younger is told', () => {
    expect(checkClaims(older, [older, younger])).toEqual([]);
    expect(checkClaims(younger, [older, younger])).toMatchObject([
      {
        reason: 'WorkloadConflict',
        message: expect.stringContaining(
          'CanaryRelease bookinfo/reviews already manages Service bookinfo/reviews',
        ) as string,
      },
    ]);
  });

  it.each([
    [{ hosts: ['web'] }, { hosts: ['web.bookinfo.svc.cluster.local'] }],
    [{ hosts: ['web'] }, { hosts: ['web.bookinfo'] }],
    [
      { hosts: ['a.example.com'], gateways: ['public'] },
      { hosts: ['a.example.com'], gateways: ['bookinfo/public'] },
    ],
  ])('%j and %j are one host', (one, other) => {
    const rival = (istio: object, metadata: object) => {
      const release = aRelease({ service: { name: 'own', port: 80, portName: 'http' }, traffic: { istio } });
      return { ...release, metadata: { ...release.metadata, ...metadata } };
    };
    const first = rival(one, {});
    const second = {
      ...rival(other, younger.metadata),
      spec: {
        ...aRelease().spec,
        service: { name: 'another', port: 80, portName: 'http' },
        traffic: { istio: other },
      },
    };
    expect(checkClaims(second as CanaryRelease, [first])).toMatchObject([{ reason: 'WorkloadConflict' }]);
  });

  it('a Deployment of the same name that someone else made is not taken over', () => {
    const deployment = deploymentOf(older, 'abc', 1);
    expect(checkDeploymentName(older, 'abc', deployment)).toEqual([]);
    expect(checkDeploymentName(younger, 'abc', deployment)).toMatchObject([{ reason: 'NameConflict' }]);
  });
});

describe('pods', () => {
  const pod = (status: Pod['status'], metadata = {}): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'reviews-abc-1', ownerReferences: [ownerRefOf(aRelease())], ...metadata },
    ...(status === undefined ? {} : { status }),
  });
  const ready = { conditions: [{ type: 'Ready', status: 'True' }] };

  it('serve when Ready and not on their way out', () => {
    expect(isReady(pod(ready))).toBe(true);
    expect(isReady(pod(ready, { deletionTimestamp: '2030-01-01T00:00:00Z' }))).toBe(false);
    expect(isReady(pod(undefined))).toBe(false);
  });

  it('have a proxy that may answer while they run, be they ready or not', () => {
    const leaving = { deletionTimestamp: '2030-01-01T00:00:00Z' };
    expect(mayAnswer(pod(ready))).toBe(true);
    expect(mayAnswer(pod({ phase: 'Running' }))).toBe(true);
    expect(mayAnswer(pod({ ...ready, phase: 'Running' }, leaving))).toBe(true);
    for (const phase of ['Pending', 'Succeeded', 'Failed', undefined]) {
      expect(mayAnswer(pod(phase === undefined ? undefined : { phase }))).toBe(false);
    }
  });

  it('that cannot start are told with field, cause and mend', () => {
    const waiting = (reason: string, message?: string) =>
      startProblem(
        [
          pod({
            containerStatuses: [
              {
                name: 'reviews',
                image: 'reviews:typo',
                restartCount: 4,
                state: { waiting: { reason, ...(message === undefined ? {} : { message }) } },
                lastState: { terminated: { exitCode: 3 } },
              },
            ],
          }),
        ],
        undefined,
      )?.message;
    expect(waiting('ErrImagePull', 'not found')).toBe(
      'spec.template.spec.containers[name=reviews].image: reviews:typo cannot be pulled (ErrImagePull: not found); set an image that exists and that the nodes may pull',
    );
    expect(waiting('CrashLoopBackOff')).toContain(
      'keeps crashing with exit code 3 (4 restarts); see kubectl logs reviews-abc-1',
    );
    expect(waiting('CreateContainerConfigError', 'secret "x" not found')).toContain('secret "x" not found');
    expect(waiting('ContainerCreating')).toBeUndefined();
  });

  it('that a quota refuses are told by their Deployment', () => {
    const deployment = deploymentOf(aRelease(), 'abc', 1);
    deployment.status = {
      conditions: [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota' }],
    };
    expect(startProblem([], deployment)?.message).toBe(
      'pods of Deployment reviews-abc are refused: exceeded quota',
    );
  });
});
