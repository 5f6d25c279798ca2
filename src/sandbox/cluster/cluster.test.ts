import { describe, expect, it } from 'vitest';
import { configMaps, deployments, leases, namespaces, services } from '../../kube/well-known.ts';
import type { Stored } from './object.ts';
import { configMap, deployment, failureOf, named, namespace, testCluster } from './testing.ts';

describe('creating', () => {
  it('gives an object its uid, its time and its first resourceVersion', async () => {
    const { client, clock } = testCluster();
    const before = await client.list(configMaps);
    const created = await client.create(configMaps, configMap('a', { key: 'value' }));
    expect(created.metadata.uid).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(created.metadata.creationTimestamp).toBe(new Date(clock.now()).toISOString().replace('.000', ''));
    expect(Number(created.metadata.resourceVersion)).toBe(Number(before.resourceVersion) + 1);
    expect(await client.get(configMaps, named('a'))).toBe(created);
  });

  it('gives the same uids and names for the same seed', async () => {
    const story = async (seed: number) => {
      const { client } = testCluster({ seed });
      const created = await client.create(configMaps, configMap('', {}, { generateName: 'cm-' }));
      return [created.metadata.name, created.metadata.uid];
    };
    expect(await story(7)).toEqual(await story(7));
    expect(await story(7)).not.toEqual(await story(8));
    expect((await story(7))[0]).toMatch(/^cm-[a-z0-9]{5}$/);
  });

  it('refuses a second object of the same name', async () => {
    const { client } = testCluster();
    await client.create(configMaps, configMap('a'));
    const error = await failureOf(client.create(configMaps, configMap('a')));
    expect(error).toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
      message: 'configmaps "a" already exists',
    });
  });

  it('refuses an object in a namespace that is not there', async () => {
    const { client } = testCluster();
    const error = await failureOf(client.create(configMaps, configMap('a', {}, { namespace: 'nowhere' })));
    expect(error).toMatchObject({ code: 404, message: 'namespaces "nowhere" not found' });
  });

  it('refuses bad names, labels and finalizers, each with the field and the rule', async () => {
    const { client } = testCluster();
    const error = await failureOf(
      client.create(
        configMaps,
        configMap('Upper_case', {}, { labels: { 'a b': 'x' }, finalizers: ['plain'] }),
      ),
    );
    expect(error.code).toBe(422);
    expect(error.body?.details?.causes?.map((cause) => cause.field)).toEqual([
      'metadata.name',
      'metadata.labels',
      'metadata.finalizers[0]',
    ]);
    expect(error.message).toContain('a lowercase RFC 1123 subdomain must consist of lower case');
  });

  it('refuses values of the wrong type with the path of the field', async () => {
    const { client } = testCluster();
    const wrong = deployment('web', 'web:1', { replicas: 'three' });
    const error = await failureOf(client.create(deployments, wrong));
    expect(error).toMatchObject({ code: 400, reason: 'BadRequest' });
    expect(error.message).toBe(
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    );
  });

  it('fills in what a Deployment leaves out, and drops what no Deployment has', async () => {
    const { client } = testCluster({ controllers: false });
    const created = await client.create<Stored>(deployments, deployment('web', 'web:1', { unknown: true }));
    expect(created['spec']).toMatchObject({
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      progressDeadlineSeconds: 600,
      template: { spec: { containers: [{ imagePullPolicy: 'IfNotPresent' }], restartPolicy: 'Always' } },
    });
    expect(created['spec']).not.toHaveProperty('unknown');
  });

  it('gives each Service an address of its own', async () => {
    const { client } = testCluster();
    const addresses = new Set<unknown>();
    for (let index = 0; index < 50; index += 1) {
      const created = await client.create<Stored>(services, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { namespace: 'default', name: `s${index}` },
        spec: { ports: [{ port: 80 }] },
      });
      const { clusterIP } = created['spec'] as { clusterIP: string };
      expect(clusterIP).toMatch(/^10\.96\.\d+\.\d+$/);
      addresses.add(clusterIP);
    }
    expect(addresses.size).toBe(50);
  });

  it('creates nothing on a dry run', async () => {
    const { client } = testCluster();
    const shown = await client.create(configMaps, configMap('a'), { dryRun: true });
    expect(shown.metadata.uid).toBeDefined();
    expect(await failureOf(client.get(configMaps, named('a')))).toMatchObject({ code: 404 });
  });
});

describe('updating', () => {
  it('refuses a stale resourceVersion and takes the current one', async () => {
    const { client } = testCluster();
    const first = await client.create(configMaps, configMap('a', { n: '1' }));
    const second = await client.update(configMaps, { ...first, data: { n: '2' } });
    const error = await failureOf(client.update(configMaps, { ...first, data: { n: '3' } }));
    expect(error).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(error.message).toBe(
      'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    );
    const third = await client.update(configMaps, { ...second, data: { n: '3' } });
    expect(third['data']).toEqual({ n: '3' });
  });

  it('wants a resourceVersion for a Lease, though not for a ConfigMap', async () => {
    const { client } = testCluster();
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'default', name: 'l' },
      spec: { holderIdentity: 'me', leaseDurationSeconds: 15 },
    };
    await client.create(leases, lease);
    await client.create(configMaps, configMap('a'));
    const error = await failureOf(client.update(leases, lease));
    expect(error.message).toContain(
      'metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    );
    await client.update(configMaps, configMap('a', { n: '1' }));
  });

  it('writes nothing when nothing changes', async () => {
    const { client, clock } = testCluster();
    const created = await client.create(configMaps, configMap('a', { n: '1' }));
    await clock.advance(5000);
    const again = await client.update(configMaps, configMap('a', { n: '1' }));
    expect(again).toBe(created);
  });

  it('never moves an object or changes its uid', async () => {
    const { client } = testCluster();
    const created = await client.create(configMaps, configMap('a'));
    const renamed = client.patch(configMaps, named('a'), 'merge', { metadata: { name: 'b' } });
    expect((await failureOf(renamed)).code).toBe(400);
    const other = client.patch(configMaps, named('a'), 'merge', { metadata: { uid: 'other' } });
    expect((await failureOf(other)).message).toContain(
      'metadata.uid: Invalid value: "other": field is immutable',
    );
    const stranger = { ...created, metadata: { ...created.metadata, uid: 'other' } };
    expect((await failureOf(client.update(configMaps, stranger))).code).toBe(409);
  });

  it('keeps the selector of a Deployment', async () => {
    const { client } = testCluster({ controllers: false });
    await client.create(deployments, deployment('web', 'web:1'));
    const error = await failureOf(
      client.patch(deployments, named('web'), 'merge', {
        spec: {
          selector: { matchLabels: { app: 'other' } },
          template: { metadata: { labels: { app: 'other' } } },
        },
      }),
    );
    expect(error.message).toBe(
      'Deployment.apps "web" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"other"}}: field is immutable',
    );
  });
});

describe('generations', () => {
  it('count changes of the spec, not of labels or status', async () => {
    const { client } = testCluster({ controllers: false });
    const generation = async () => (await client.get(deployments, named('web'))).metadata.generation;
    await client.create(deployments, deployment('web', 'web:1'));
    expect(await generation()).toBe(1);
    await client.patch(deployments, named('web'), 'merge', { metadata: { labels: { a: 'b' } } });
    expect(await generation()).toBe(1);
    await client.patch(
      deployments,
      named('web'),
      'merge',
      { status: { replicas: 3 } },
      { subresource: 'status' },
    );
    expect(await generation()).toBe(1);
    await client.patch(deployments, named('web'), 'merge', { spec: { replicas: 5 } });
    expect(await generation()).toBe(2);
    await client.patch(deployments, named('web'), 'merge', { metadata: { generation: 40 } });
    expect(await generation()).toBe(2);
  });
});

describe('subresources', () => {
  it('keep status and spec apart', async () => {
    const { client } = testCluster({ controllers: false });
    const created = await client.create<Stored>(deployments, {
      ...deployment('web', 'web:1'),
      status: { replicas: 9 },
    });
    expect(created['status']).toEqual({});
    const patch = { spec: { replicas: 8 }, status: { replicas: 2 } };
    const main = await client.patch<Stored>(deployments, named('web'), 'merge', patch);
    expect(main).toMatchObject({ spec: { replicas: 8 }, status: {} });
    const status = await client.patch<Stored>(
      deployments,
      named('web'),
      'merge',
      { spec: { replicas: 1 }, status: { replicas: 2 } },
      { subresource: 'status' },
    );
    expect(status).toMatchObject({ spec: { replicas: 8 }, status: { replicas: 2 } });
  });

  it('scale a Deployment, with its selector as text', async () => {
    const { client } = testCluster({ controllers: false });
    await client.create(deployments, deployment('web', 'web:1'));
    const scale = await client.patch<Stored>(
      deployments,
      named('web'),
      'merge',
      { spec: { replicas: 7 } },
      { subresource: 'scale' },
    );
    expect(scale).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 7 },
      status: { replicas: 0, selector: 'app=web' },
    });
    const scaled = await client.get<Stored>(deployments, named('web'));
    expect(scaled['spec']).toMatchObject({ replicas: 7 });
    const negative = client.patch(
      deployments,
      named('web'),
      'merge',
      { spec: { replicas: -1 } },
      { subresource: 'scale' },
    );
    expect((await failureOf(negative)).message).toContain('must be greater than or equal to 0');
  });

  it('are not found where a kind has none', async () => {
    const { client } = testCluster();
    await client.create(configMaps, configMap('a'));
    const error = await failureOf(
      client.patch(configMaps, named('a'), 'merge', {}, { subresource: 'status' }),
    );
    expect(error.code).toBe(404);
  });
});

describe('reading', () => {
  it('shares frozen objects, so that nobody can change the cluster by accident', async () => {
    const { client } = testCluster();
    const sent = configMap('a', { n: '1' });
    const created = await client.create(configMaps, sent);
    sent['data'] = { n: '2' };
    expect(() => {
      created.metadata.labels = {};
    }).toThrow(TypeError);
    expect((await client.get<Stored>(configMaps, named('a')))['data']).toEqual({ n: '1' });
  });

  it('lists by namespace, labels and fields', async () => {
    const { client } = testCluster();
    await client.create(namespaces, namespace('other'));
    await client.create(configMaps, configMap('a', {}, { labels: { app: 'x', tier: 'front' } }));
    await client.create(configMaps, configMap('b', {}, { labels: { app: 'y' } }));
    await client.create(configMaps, configMap('c', {}, { namespace: 'other', labels: { app: 'x' } }));
    const names = async (options: Parameters<typeof client.list>[1]) =>
      (await client.list(configMaps, options)).items.map((item) => item.metadata.name);
    expect(await names({})).toEqual(['a', 'b', 'c']);
    expect(await names({ namespace: 'default' })).toEqual(['a', 'b']);
    expect(await names({ labelSelector: 'app=x' })).toEqual(['a', 'c']);
    expect(await names({ labelSelector: 'app in (x, y),tier' })).toEqual(['a']);
    expect(await names({ labelSelector: '!tier' })).toEqual(['b', 'c']);
    expect(await names({ fieldSelector: 'metadata.name!=b' })).toEqual(['a', 'c']);
    const error = await failureOf(client.list(configMaps, { fieldSelector: 'data.key=x' }));
    expect(error).toMatchObject({ code: 400 });
  });

  it('pages through one revision, whatever is written meanwhile', async () => {
    const { client, cluster } = testCluster();
    for (const name of ['a', 'b', 'c', 'd', 'e']) await client.create(configMaps, configMap(name));
    const first = await client.list(configMaps, { limit: 2 });
    await client.delete(configMaps, named('d'));
    await client.create(configMaps, configMap('bb'));
    const second = await client.list(configMaps, { limit: 2, continue: first.continue });
    const third = await client.list(configMaps, { limit: 2, continue: second.continue });
    const pages = [first, second, third].map((page) => page.items.map((item) => item.metadata.name));
    expect(pages).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(third.continue).toBeUndefined();
    expect(new Set([first, second, third].map((page) => page.resourceVersion)).size).toBe(1);
    cluster.compact();
    const error = await failureOf(client.list(configMaps, { limit: 2, continue: first.continue }));
    expect(error).toMatchObject({ code: 410, reason: 'Expired' });
  });

  it('does not know resources that nobody defined', async () => {
    const { client } = testCluster();
    const error = await failureOf(
      client.list({ group: 'x.test', version: 'v1', plural: 'xs', kind: 'X', namespaced: true }),
    );
    expect(error).toMatchObject({ code: 404, message: 'the server could not find the requested resource' });
  });
});
