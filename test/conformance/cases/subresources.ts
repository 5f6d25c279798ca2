import { cases, deployment, DEPLOYMENTS, widget, WIDGETS } from './case.ts';

export const subresourceCases = cases('subresources', {
  'generation counts changes of the spec': async (c) => {
    const path = c.at(WIDGETS, 'widgets');
    const made = await c.post(path, { ...widget('a', { size: 2 }), status: { phase: 'Ready' } });
    const at = `${path}/a`;
    await c.patch(at, 'merge', { metadata: { labels: { x: 'y' } } });
    await c.patch(at, 'merge', { spec: { size: 4 } });
    await c.patch(at, 'merge', { spec: { size: 4 } });
    await c.patch(`${at}/status`, 'merge', { status: { phase: 'Ready' } });
    await c.patch(at, 'merge', { metadata: { generation: 50 } });
    await c.put(at, { ...made, metadata: { ...made.metadata, resourceVersion: undefined, generation: 60 } });
  },
  'the main resource ignores status, status ignores the rest': async (c) => {
    const path = c.at(WIDGETS, 'widgets');
    const made = await c.post(path, widget('a', { size: 2 }));
    const at = `${path}/a`;
    await c.put(`${at}/status`, {
      ...made,
      metadata: { ...made.metadata, labels: { from: 'status' }, finalizers: ['x.dev/y'] },
      spec: { size: 9 },
      status: { phase: 'Ready', replicas: 2 },
    });
    const now = await c.get(at);
    await c.put(at, { ...now, status: { phase: 'Waiting' } });
    await c.put(at, { ...now, status: undefined });
    await c.get(`${at}/status`);
    await c.put(`${at}/status`, { ...made, status: { phase: 'Waiting' } });
    await c.patch(`${at}/status`, 'merge', { status: { phase: 'Odd' } });
    await c.patch(`${at}/status`, 'json', [{ op: 'add', path: '/status/nowhere', value: 1 }]);
    await c.patch(`${at}/status`, 'merge', { status: null });
    await c.patch(`${path}/none/status`, 'merge', { status: {} });
    await c.send({ method: 'DELETE', path: `${at}/status` });
    await c.send({ method: 'POST', path: `${at}/status`, body: made });
  },
  'a kind without subresources': async (c) => {
    const name = `g-${c.namespace}`;
    const path = '/apis/conformance.songbird.dev/v1/gadgets';
    const gadget = { apiVersion: 'conformance.songbird.dev/v1', kind: 'Gadget', metadata: { name } };
    const made = await c.post(path, { ...gadget, spec: { a: 1 }, status: { b: 2 } });
    await c.put(`${path}/${name}`, { ...made, status: { b: 3 } });
    await c.get(`${path}/${name}/status`, { anyMessage: true });
    await c.get(`${path}/${name}/scale`, { anyMessage: true });
    await c.post(path, { ...gadget, metadata: { name: 'h-wrong' } });
    await c.delete(`${path}/${name}`);
  },
  'scale of a custom resource': async (c) => {
    const path = c.at(WIDGETS, 'widgets');
    await c.post(path, widget('a', { size: 2 }));
    const at = `${path}/a`;
    const scale = await c.get(`${at}/scale`);
    await c.patch(`${at}/status`, 'merge', { status: { replicas: 2, selector: 'app=a' } });
    await c.get(`${at}/scale`);
    await c.patch(`${at}/scale`, 'merge', { spec: { replicas: 5 } });
    await c.put(`${at}/scale`, { ...scale, spec: { replicas: 6 } });
    await c.patch(`${at}/scale`, 'merge', { spec: { replicas: 50 } });
    await c.patch(`${at}/scale`, 'merge', { spec: { replicas: -1 } });
    await c.patch(`${at}/scale`, 'merge', { status: { replicas: 9 } });
    await c.get(at);
    await c.get(`${path}/none/scale`);
  },
  'scale of a Deployment': async (c) => {
    const path = c.at(DEPLOYMENTS, 'deployments');
    const made = deployment('a', 0) as { spec: object };
    await c.quietly('POST', path, { ...made, spec: { ...made.spec, paused: true } });
    const only = (body: unknown) => {
      const { kind, spec, status, ...rest } = body as {
        kind: string;
        spec: unknown;
        status: { selector: string };
      };
      return kind === 'Scale' ? { kind, spec, selector: status.selector } : { kind, status, ...rest };
    };
    await c.get(`${path}/a/scale`, { only });
    await c.patch(`${path}/a/scale`, 'merge', { spec: { replicas: 0 } }, { only });
    await c.patch(`${path}/a/scale`, 'merge', { spec: { replicas: -1 } }, { only });
  },
});
