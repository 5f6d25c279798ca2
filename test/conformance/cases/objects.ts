import { cases, configMap, deployment, DEPLOYMENTS } from './case.ts';

export const objectCases = cases('objects', {
  'a ConfigMap from creation to deletion': async (c) => {
    const path = c.at('v1', 'configmaps');
    const made = await c.post(
      path,
      configMap('a', { k: 'v' }, { labels: { x: 'y' }, annotations: { n: '' } }),
    );
    await c.get(`${path}/a`);
    await c.put(`${path}/a`, { ...made, data: { k: 'w' } });
    await c.put(`${path}/a`, configMap('a', { k: 'without a version' }));
    await c.put(`${path}/a`, { ...made, data: { k: 'stale' } });
    await c.get(`${path}/a`);
    await c.delete(`${path}/a`);
    await c.get(`${path}/a`);
    await c.delete(`${path}/a`);
  },
  'a write that changes nothing keeps the version': async (c) => {
    const path = c.at('v1', 'configmaps');
    const made = await c.post(path, configMap('a', { k: 'v' }));
    await c.put(`${path}/a`, made);
    await c.put(`${path}/a`, configMap('a', { k: 'v' }));
    await c.patch(`${path}/a`, 'merge', { data: { k: 'v' } });
    await c.patch(`${path}/a`, 'merge', {});
    await c.patch(`${path}/a`, 'json', [{ op: 'replace', path: '/data/k', value: 'v' }]);
    await c.get(`${path}/a`);
  },
  'what only the server sets is not taken from the client': async (c) => {
    const path = c.at('v1', 'configmaps');
    const uid = '11111111-2222-3333-4444-555555555555';
    const forged = {
      uid,
      creationTimestamp: '2001-01-01T00:00:00Z',
      generation: 77,
      deletionTimestamp: '2001-01-01T00:00:00Z',
      selfLink: '/nowhere',
    };
    const made = await c.post(path, configMap('a', {}, forged));
    await c.put(`${path}/a`, { ...made, metadata: { ...made.metadata, ...forged, uid: made.metadata.uid } });
    await c.put(`${path}/a`, { ...made, metadata: { ...made.metadata, uid } });
    await c.post(path, configMap('b', {}, { resourceVersion: '5' }));
    await c.put(`${path}/missing`, configMap('missing', {}));
    await c.put(`${path}/a`, configMap('other', {}));
    await c.post(path, configMap('a', {}));
    await c.post(path, configMap('elsewhere', {}, { namespace: 'kube-system' }));
  },
  'names and labels that are not allowed': async (c) => {
    const path = c.at('v1', 'configmaps');
    for (const name of ['Upper', 'a_b', '', '-a', 'a'.repeat(254), 'a/b', '..']) {
      await c.post(path, configMap(name));
    }
    await c.post(path, configMap('a', {}, { labels: { 'not a key': 'v' } }));
    await c.post(path, configMap('a', {}, { labels: { key: 'not a value!' } }));
    await c.post(path, configMap('a', {}, { annotations: { 'a/b/c': 'v' } }));
    await c.post(path, configMap('a', {}, { finalizers: ['no-domain'] }));
    await c.post(path, { apiVersion: 'v1', kind: 'ConfigMap', metadata: {} });
    await c.post(path, { apiVersion: 'v1', kind: 'ConfigMap' });
    await c.post(path, configMap('a', {}, { ownerReferences: [{ name: 'x' }] }));
  },
  'a generated name': async (c) => {
    const path = c.at('v1', 'configmaps');
    const made = await c.post(path, { ...configMap('', { k: 'v' }), metadata: { generateName: 'made-' } });
    await c.post(path, { ...configMap('', { k: 'w' }), metadata: { generateName: 'made-' } });
    await c.get(`${path}/${made.metadata.name}`);
    await c.post(path, { ...configMap('both'), metadata: { name: 'both', generateName: 'made-' } });
  },
  'a dry run leaves nothing': async (c) => {
    const path = c.at('v1', 'configmaps');
    await c.post(`${path}?dryRun=All`, configMap('a', { k: 'v' }));
    await c.get(`${path}/a`);
    await c.post(path, configMap('a', { k: 'v' }));
    await c.patch(`${path}/a?dryRun=All`, 'merge', { data: { k: 'w' } });
    await c.put(`${path}/a?dryRun=All`, configMap('a', { k: 'x' }));
    await c.patch(`${path}/a?dryRun=All&fieldManager=m`, 'apply', configMap('a', { z: 'z' }));
    await c.delete(`${path}/a?dryRun=All`);
    await c.get(`${path}/a`);
    await c.post(`${path}?dryRun=Some`, configMap('b'));
  },
  'a Lease and its times': async (c) => {
    const path = c.at('coordination.k8s.io/v1', 'leases');
    const made = await c.post(path, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'leader' },
      spec: {
        holderIdentity: 'a',
        leaseDurationSeconds: 15,
        acquireTime: '2030-01-02T03:04:05.123456Z',
        renewTime: '2030-01-02T03:04:05.123456Z',
        leaseTransitions: 0,
      },
    });
    await c.put(`${path}/leader`, {
      ...made,
      spec: { ...made.spec, holderIdentity: 'b', leaseTransitions: 1 },
    });
    await c.put(`${path}/leader`, { ...made, spec: { ...made.spec, holderIdentity: 'c' } });
    await c.patch(`${path}/leader`, 'merge', { spec: { renewTime: 'yesterday' } }, { anyMessage: true });
  },
  'a Lease that a PUT makes': async (c) => {
    const path = c.at('coordination.k8s.io/v1', 'leases');
    const lease = (metadata: object) => ({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata });
    await c.put(`${path}/a`, lease({ name: 'a' }));
    await c.put(`${path}/a`, lease({ name: 'a' }));
    await c.put(`${path}/b`, lease({ name: 'b', resourceVersion: '12345678' }));
    await c.put(`${path}/c`, lease({ name: 'c', uid: '11111111-2222-3333-4444-555555555555' }));
    await c.put(`${path}/d?dryRun=All`, lease({ name: 'd' }));
    await c.get(path);
  },
  'a Service': async (c) => {
    const path = c.at('v1', 'services');
    const ports = [{ name: 'http', port: 80, targetPort: 8080 }];
    await c.post(path, service('a', { selector: { app: 'a' }, ports }));
    await c.patch(`${path}/a`, 'merge', { spec: { selector: { app: 'b' } } });
    await c.post(path, service('none', { clusterIP: 'None', selector: { app: 'a' }, ports: [{ port: 80 }] }));
    await c.post(path, service('b', { selector: { app: 'a' }, ports: [] }));
    await c.post(path, service('b', { ports: [{ port: 80 }, { port: 81 }] }));
    await c.post(path, service('b', { ports: [{ name: 'x', port: 0 }] }));
    await c.post(path, service('Not-DNS', { ports }));
    await c.delete(`${path}/a`);
    await c.get(`${path}/a`);
  },
  'a Deployment gets its defaults and is validated': async (c) => {
    const path = c.at(DEPLOYMENTS, 'deployments');
    const valid = deployment('a', 0) as { spec: { template: { metadata: object; spec: object } } };
    await c.post(path, { ...valid, spec: { ...valid.spec, paused: true } });
    await c.post(path, { ...valid, metadata: { name: 'b' }, spec: { ...valid.spec, selector: undefined } });
    await c.post(path, {
      ...valid,
      metadata: { name: 'b' },
      spec: { ...valid.spec, selector: { matchLabels: { app: 'other' } } },
    });
    await c.post(path, { ...valid, metadata: { name: 'b' }, spec: { ...valid.spec, replicas: -1 } });
    await c.post(path, {
      ...valid,
      metadata: { name: 'b' },
      spec: { ...valid.spec, template: { ...valid.spec.template, spec: { containers: [] } } },
    });
    await c.patch(`${path}/a`, 'merge', { spec: { selector: { matchLabels: { app: 'b' } } } });
  },
  'a Pod bound to a node': async (c) => {
    const path = c.at('v1', 'pods');
    const containers = [{ name: 'main', image: 'example.org/app:1', ports: [{ containerPort: 80 }] }];
    await c.post(path, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers } });
    await c.post(`${path}/p/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'p' },
      target: { apiVersion: 'v1', kind: 'Node', name: 'node-1' },
    });
    await c.patch(
      `${path}/p/status`,
      'merge',
      {
        status: { phase: 'Running', podIP: '10.1.2.3', conditions: [{ type: 'Ready', status: 'True' }] },
      },
      { only: podEssence },
    );
    await c.get(`${path}/p`, { only: podEssence });
    await c.patch(
      `${path}/p`,
      'merge',
      { spec: { containers: [{ name: 'main', image: 'example.org/app:2' }] } },
      { only: podEssence, anyMessage: true },
    );
    await c.delete(`${path}/p?gracePeriodSeconds=0`, undefined, { only: podEssence });
    await c.get(`${path}/p`);
  },
  'a Secret': async (c) => {
    const path = c.at('v1', 'secrets');
    const secret = (name: string, more: object) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      ...more,
    });
    await c.post(path, secret('a', { stringData: { k: 'v' }, data: { b: 'dg==' } }));
    await c.post(path, secret('b', { data: { k: 'not base64!' } }), { anyMessage: true });
    await c.get(`${path}/a`);
  },
  'an Event': async (c) => {
    const path = c.at('events.k8s.io/v1', 'events');
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'e.1' },
      eventTime: '2030-01-02T03:04:05.123456Z',
      reportingController: 'songbird.dev/operator',
      reportingInstance: 'songbird-0',
      action: 'Promote',
      reason: 'Promoted',
      type: 'Normal',
      note: 'version 2 serves all traffic',
      regarding: { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', namespace: c.namespace },
    };
    await c.post(path, event);
    await c.patch(`${path}/e.1`, 'merge', {
      series: { count: 2, lastObservedTime: '2030-01-02T03:05:05.123456Z' },
    });
    await c.get(c.at('v1', 'events', 'e.1'));
    await c.post(path, { ...event, metadata: { name: 'e.2' }, type: 'Odd' });
    await c.post(path, { ...event, metadata: { name: 'e.3' }, action: undefined });
    await c.get(`${path}?fieldSelector=regarding.name%3Da`);
  },
  'a Namespace that is not there': async (c) => {
    await c.post('/api/v1/namespaces/nowhere/configmaps', configMap('a'));
    await c.get('/api/v1/namespaces/nowhere/configmaps/a');
    await c.get('/api/v1/namespaces/nowhere/configmaps');
    await c.get('/api/v1/namespaces/nowhere');
  },
  'a Namespace': async (c) => {
    const name = `${c.namespace}-more`;
    await c.post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    await c.post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    await c.get(`/api/v1/namespaces/${name}`);
    await c.post('/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'Not.DNS' },
    });
  },
});

function service(name: string, spec: object): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec };
}

/** Pods have many defaults that nothing here reads. */
function podEssence(body: unknown): unknown {
  const pod = body as {
    kind: string;
    metadata: Record<string, unknown>;
    spec?: Record<string, unknown>;
    status?: Record<string, unknown>;
  };
  if (pod.kind !== 'Pod') return body;
  const { phase, podIP, conditions } = pod.status ?? {};
  const { name, uid, resourceVersion, labels } = pod.metadata;
  return {
    metadata: { name, uid, resourceVersion, labels },
    spec: { nodeName: pod.spec?.['nodeName'] },
    status: {
      phase,
      podIP,
      ready: (conditions as { type: string; status: string }[] | undefined)
        ?.filter((x) => x.type === 'Ready')
        .map((x) => x.status),
    },
  };
}
