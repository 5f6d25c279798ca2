import { describe, expect, it } from 'vitest';
import { deployments, pods } from '../../kube/well-known.ts';
import type { InProcessClient } from '../cluster/client.ts';
import { at, listOf, numberOf, objectOf, textOf, type JsonObject, type Stored } from '../cluster/object.ts';
import { coreEvents, deployment, failureOf, named, replicaSets, testCluster } from '../cluster/testing.ts';
import type { PodBehaviour } from './pod-behaviour.ts';

const SECOND = 1000;

async function statusOf(client: InProcessClient, name = 'web'): Promise<JsonObject> {
  return objectOf((await client.get<Stored>(deployments, named(name)))['status']);
}

function conditionOf(status: JsonObject, type: string): string {
  const condition = listOf(status['conditions'])
    .map(objectOf)
    .find((item) => item['type'] === type);
  return `${textOf(condition?.['status'])} ${textOf(condition?.['reason'])}`;
}

async function imagesOf(client: InProcessClient): Promise<string[]> {
  const { items } = await client.list<Stored>(pods);
  return items.map((pod) => textOf(objectOf(listOf(at(pod, 'spec', 'containers'))[0])['image'])).sort();
}

const setImage = (client: InProcessClient, image: string) =>
  client.patch(deployments, named('web'), 'merge', {
    spec: { template: { spec: { containers: [{ name: 'app', image, ports: [{ containerPort: 8080 }] }] } } },
  });

describe('a Deployment', () => {
  it('makes a ReplicaSet with the hash of its template, and pods that get ready', async () => {
    const { client, clock } = testCluster();
    await client.create(deployments, deployment('web', 'web:1'));
    await clock.advance(100);
    const [set] = (await client.list<Stored>(replicaSets)).items;
    const hash = set?.metadata.labels?.['pod-template-hash'];
    expect(set?.metadata.name).toBe(`web-${hash}`);
    const { items } = await client.list<Stored>(pods);
    expect(items).toHaveLength(3);
    for (const pod of items) {
      expect(pod.metadata.name).toMatch(new RegExp(`^web-${hash}-[a-z0-9]{5}$`));
      expect(pod.metadata.labels).toEqual({ app: 'web', 'pod-template-hash': hash });
      expect(pod.metadata.ownerReferences).toMatchObject([{ kind: 'ReplicaSet', name: set?.metadata.name }]);
    }
    expect(await statusOf(client)).toMatchObject({ replicas: 3, updatedReplicas: 3, unavailableReplicas: 3 });
    await clock.advance(2 * SECOND);
    const status = await statusOf(client);
    expect(status).toMatchObject({
      replicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      observedGeneration: 1,
    });
    expect(status).not.toHaveProperty('unavailableReplicas');
    expect(conditionOf(status, 'Available')).toBe('True MinimumReplicasAvailable');
    expect(conditionOf(status, 'Progressing')).toBe('True NewReplicaSetAvailable');
  });

  it('comes to rest: nothing is written any more', async () => {
    const { client, clock, cluster } = testCluster();
    await client.create(deployments, deployment('web', 'web:1'));
    await clock.advance(5 * SECOND);
    const { revision } = cluster.core.store;
    await clock.advance(3600 * SECOND);
    expect(cluster.core.store.revision).toBe(revision);
  });

  it('is scaled up and down, giving up what is not ready first', async () => {
    let healthy = true;
    const podBehaviour = (): PodBehaviour => (healthy ? {} : { readyAfterMs: Infinity });
    const { client, clock } = testCluster({ podBehaviour });
    await client.create(deployments, deployment('web', 'web:1', { replicas: 2 }));
    await clock.advance(3 * SECOND);
    healthy = false;
    const scale = (replicas: number) =>
      client.patch(deployments, named('web'), 'merge', { spec: { replicas } }, { subresource: 'scale' });
    await scale(4);
    await clock.advance(3 * SECOND);
    expect(await statusOf(client)).toMatchObject({ replicas: 4, readyReplicas: 2 });
    await scale(2);
    await clock.advance(3 * SECOND);
    expect(await statusOf(client)).toMatchObject({ replicas: 2, readyReplicas: 2 });
    await scale(0);
    await clock.advance(3 * SECOND);
    expect((await client.list(pods)).items).toEqual([]);
  });

  it('replaces a pod that somebody deletes', async () => {
    const { client, clock } = testCluster();
    await client.create(deployments, deployment('web', 'web:1'));
    await clock.advance(3 * SECOND);
    const [victim] = (await client.list<Stored>(pods)).items;
    await client.delete(pods, named(victim?.metadata.name ?? ''));
    await clock.advance(3 * SECOND);
    const { items } = await client.list<Stored>(pods);
    expect(items).toHaveLength(3);
    expect(items.map((pod) => pod.metadata.name)).not.toContain(victim?.metadata.name);
    expect(await statusOf(client)).toMatchObject({ readyReplicas: 3 });
  });
});

describe('a rolling update', () => {
  it.each([
    { replicas: 4, maxSurge: 1, maxUnavailable: 0 },
    { replicas: 4, maxSurge: 0, maxUnavailable: 1 },
    { replicas: 10, maxSurge: '25%', maxUnavailable: '25%' },
    { replicas: 1, maxSurge: '25%', maxUnavailable: '25%' },
    { replicas: 3, maxSurge: '34%', maxUnavailable: '10%' },
  ])('keeps within $maxSurge surge and $maxUnavailable unavailable of $replicas', async (given) => {
    const { replicas, ...rollingUpdate } = given;
    const { client, clock } = testCluster();
    const strategy = { type: 'RollingUpdate', rollingUpdate };
    await client.create(deployments, deployment('web', 'web:1', { replicas, strategy }));
    await clock.advance(3 * SECOND);
    await setImage(client, 'web:2');
    const part = (value: number | string, round: (n: number) => number) =>
      typeof value === 'number' ? value : round((replicas * Number.parseInt(value, 10)) / 100);
    const surge = part(given.maxSurge, Math.ceil);
    const unavailable = Math.max(part(given.maxUnavailable, Math.floor), surge === 0 ? 1 : 0);
    let most = 0;
    let least = Infinity;
    for (let step = 0; step < 400; step += 1) {
      await clock.advance(100);
      const { items } = await client.list<Stored>(pods);
      const living = items.filter((pod) => pod.metadata.deletionTimestamp === undefined);
      most = Math.max(most, living.length);
      const ready = living.filter((pod) => JSON.stringify(pod['status']).includes('"ready":true'));
      least = Math.min(least, ready.length);
    }
    expect(await imagesOf(client)).toEqual(Array<string>(replicas).fill('web:2'));
    expect(most).toBeLessThanOrEqual(replicas + surge);
    expect(least).toBeGreaterThanOrEqual(replicas - unavailable);
    const sets = (await client.list<Stored>(replicaSets)).items.map((set) =>
      numberOf(at(set, 'spec', 'replicas')),
    );
    expect(sets.sort()).toEqual([0, replicas].sort());
  });

  it('stops at pods that never get ready, and says so at its deadline', async () => {
    const podBehaviour = (pod: Stored): PodBehaviour =>
      JSON.stringify(pod['spec']).includes('broken')
        ? { waitingReason: 'ImagePullBackOff', waitingMessage: 'Back-off pulling image "web:broken"' }
        : {};
    const { client, clock } = testCluster({ podBehaviour });
    await client.create(deployments, deployment('web', 'web:1', { progressDeadlineSeconds: 60 }));
    await clock.advance(3 * SECOND);
    await setImage(client, 'web:broken');
    await clock.advance(30 * SECOND);
    expect(await imagesOf(client)).toEqual(['web:1', 'web:1', 'web:1', 'web:broken']);
    expect(conditionOf(await statusOf(client), 'Progressing')).toBe('True ReplicaSetUpdated');
    await clock.advance(60 * SECOND);
    const status = await statusOf(client);
    expect(conditionOf(status, 'Progressing')).toBe('False ProgressDeadlineExceeded');
    expect(conditionOf(status, 'Available')).toBe('True MinimumReplicasAvailable');
    const waiting = (await client.list<Stored>(pods)).items.find((pod) =>
      JSON.stringify(pod).includes('BackOff'),
    );
    expect(at(waiting ?? null, 'status', 'phase')).toBe('Pending');
    await setImage(client, 'web:1');
    await clock.advance(5 * SECOND);
    expect(conditionOf(await statusOf(client), 'Progressing')).toBe('True NewReplicaSetAvailable');
    expect(await imagesOf(client)).toEqual(['web:1', 'web:1', 'web:1']);
  });

  it('counts its revisions and goes back to a ReplicaSet that is there', async () => {
    const { client, clock } = testCluster();
    await client.create(deployments, deployment('web', 'web:1'));
    await clock.advance(3 * SECOND);
    const first = (await client.list(replicaSets)).items[0]?.metadata.name;
    await setImage(client, 'web:2');
    await clock.advance(10 * SECOND);
    await setImage(client, 'web:1');
    await clock.advance(10 * SECOND);
    const { items } = await client.list<Stored>(replicaSets);
    expect(items).toHaveLength(2);
    const revision = (object: Stored) => object.metadata.annotations?.['deployment.kubernetes.io/revision'];
    expect(items.find((set) => set.metadata.name === first)).toSatisfy(
      (set: Stored) => revision(set) === '3',
    );
    expect(revision(await client.get<Stored>(deployments, named('web')))).toBe('3');
  });

  it('forgets ReplicaSets beyond its history', async () => {
    const { client, clock } = testCluster();
    await client.create(deployments, deployment('web', 'web:0', { revisionHistoryLimit: 2 }));
    for (let version = 1; version <= 5; version += 1) {
      await clock.advance(10 * SECOND);
      await setImage(client, `web:${version}`);
    }
    await clock.advance(10 * SECOND);
    expect((await client.list(replicaSets)).items).toHaveLength(3);
  });

  it('of the kind Recreate ends all old pods before the first new one starts', async () => {
    const { client, clock } = testCluster({ podBehaviour: () => ({ stopAfterMs: 2000 }) });
    await client.create(deployments, deployment('web', 'web:1', { strategy: { type: 'Recreate' } }));
    await clock.advance(3 * SECOND);
    await setImage(client, 'web:2');
    for (let step = 0; step < 50; step += 1) {
      await clock.advance(100);
      expect(new Set(await imagesOf(client)).size).toBeLessThanOrEqual(1);
    }
    await clock.advance(5 * SECOND);
    expect(await imagesOf(client)).toEqual(['web:2', 'web:2', 'web:2']);
  });

  it('waits while the Deployment is paused', async () => {
    const { client, clock } = testCluster();
    await client.create(deployments, deployment('web', 'web:1'));
    await clock.advance(3 * SECOND);
    await client.patch(deployments, named('web'), 'merge', { spec: { paused: true } });
    await setImage(client, 'web:2');
    await clock.advance(10 * SECOND);
    expect(await imagesOf(client)).toEqual(['web:1', 'web:1', 'web:1']);
    await client.patch(deployments, named('web'), 'merge', { spec: { paused: false } });
    await clock.advance(10 * SECOND);
    expect(await imagesOf(client)).toEqual(['web:2', 'web:2', 'web:2']);
  });

  it('counts a pod as available only after minReadySeconds', async () => {
    const { client, clock } = testCluster();
    await client.create(deployments, deployment('web', 'web:1', { minReadySeconds: 30 }));
    await clock.advance(20 * SECOND);
    expect(await statusOf(client)).toMatchObject({ readyReplicas: 3, unavailableReplicas: 3 });
    await clock.advance(20 * SECOND);
    expect(await statusOf(client)).toMatchObject({ readyReplicas: 3, availableReplicas: 3 });
  });
});

describe('the built-in kubelet', () => {
  it('plays pods that crash, with growing delays', async () => {
    const { client, clock } = testCluster({
      podBehaviour: () => ({ crash: { afterMs: 5000, exitCode: 3 } }),
    });
    await client.create(deployments, deployment('web', 'web:1', { replicas: 1 }));
    const container = async () => {
      const [pod] = (await client.list<Stored>(pods)).items;
      return objectOf(listOf(at(pod ?? null, 'status', 'containerStatuses'))[0]);
    };
    await clock.advance(3 * SECOND);
    expect(await container()).toMatchObject({ ready: true, restartCount: 0 });
    await clock.advance(4 * SECOND);
    expect(await container()).toMatchObject({
      ready: false,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 3 } },
    });
    expect(await statusOf(client)).toMatchObject({ unavailableReplicas: 1 });
    await clock.advance(11 * SECOND);
    expect(await container()).toMatchObject({ ready: true, restartCount: 1 });
    await clock.advance(15 * SECOND);
    expect(await container()).toMatchObject({ ready: false, restartCount: 1 });
    await clock.advance(10 * SECOND);
    expect(await container()).toMatchObject({ ready: true, restartCount: 2 });
  });

  it('gives each pod an address and leaves a status that others wrote', async () => {
    const { client, clock } = testCluster();
    await client.create(deployments, deployment('web', 'web:1'));
    await clock.advance(3 * SECOND);
    const { items } = await client.list<Stored>(pods);
    const addresses = items.map((pod) => at(pod, 'status', 'podIP'));
    expect(new Set(addresses).size).toBe(3);
    const name = items[0]?.metadata.name ?? '';
    const conditions = listOf(at(items[0] ?? null, 'status', 'conditions')).map((item) =>
      objectOf(item)['type'] === 'Ready' ? { ...objectOf(item), status: 'False' } : item,
    );
    await client.patch(pods, named(name), 'merge', { status: { conditions } }, { subresource: 'status' });
    await clock.advance(60 * SECOND);
    expect(await statusOf(client)).toMatchObject({ readyReplicas: 2, unavailableReplicas: 1 });
  });

  it('lets pods stop for as long as they need, but no longer than their grace period', async () => {
    const { client, clock } = testCluster({ podBehaviour: () => ({ stopAfterMs: 60_000 }) });
    await client.create(deployments, deployment('web', 'web:1', { replicas: 1 }));
    await clock.advance(3 * SECOND);
    const name = (await client.list(pods)).items[0]?.metadata.name ?? '';
    await client.delete(deployments, named('web'));
    await clock.advance(29 * SECOND);
    expect((await client.get(pods, named(name))).metadata.deletionTimestamp).toBeDefined();
    await clock.advance(2 * SECOND);
    expect(await failureOf(client.get(pods, named(name)))).toMatchObject({ code: 404 });
  });

  it('stays out of it where the kubelet is external', async () => {
    const { client, clock } = testCluster({ kubelet: 'external' });
    await client.create(deployments, deployment('web', 'web:1', { replicas: 1 }));
    await clock.advance(60 * SECOND);
    const [pod] = (await client.list<Stored>(pods)).items;
    expect(at(pod ?? null, 'spec', 'nodeName')).toBeUndefined();
    expect(at(pod ?? null, 'status', 'phase')).toBe('Pending');
  });
});

describe('pods that cannot be made', () => {
  it('are told of in conditions and an Event, and made when the template is mended', async () => {
    const { client, clock } = testCluster();
    const bad = deployment('web', 'web:1');
    const template = objectOf(at(bad, 'spec', 'template'));
    const finalizers = ['unqualified'];
    const broken = { ...template, metadata: { ...objectOf(template['metadata']), finalizers } };
    await client.create(deployments, { ...bad, spec: { ...objectOf(bad['spec']), template: broken } });
    await clock.advance(25 * SECOND);
    expect((await client.list(pods)).items).toEqual([]);
    expect(conditionOf(await statusOf(client), 'ReplicaFailure')).toBe('True FailedCreate');
    const events = (await client.list<Stored>(coreEvents)).items;
    expect(events).toMatchObject([{ type: 'Warning', reason: 'FailedCreate' }]);
    expect(textOf(events[0]?.['message'])).toContain('metadata.finalizers[0]');
    await client.patch(deployments, named('web'), 'merge', {
      spec: { template: { metadata: { finalizers: null } } },
    });
    await clock.advance(5 * SECOND);
    const status = await statusOf(client);
    expect(status).toMatchObject({ readyReplicas: 3 });
    expect(conditionOf(status, 'ReplicaFailure')).toBe(' ');
  });

  it('have names that fit, however long the name of their Deployment is', async () => {
    const { client, clock } = testCluster();
    const name = `long-${'x'.repeat(60)}`;
    await client.create(deployments, { ...deployment('app', 'app:1'), metadata: named(name) });
    await clock.advance(3 * SECOND);
    const { items } = await client.list(pods);
    expect(items).toHaveLength(3);
    for (const pod of items) expect(pod.metadata.name.length).toBeLessThanOrEqual(63);
  });
});
