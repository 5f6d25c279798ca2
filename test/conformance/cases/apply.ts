import { cases, configMap, deployment, DEPLOYMENTS, widget, WIDGETS } from './case.ts';

export const applyCases = cases('apply', {
  'creates, then changes, then changes nothing': async (c) => {
    const at = c.at('v1', 'configmaps', 'a');
    await c.patch(`${at}?fieldManager=one`, 'apply', configMap('a', { k: 'v' }));
    await c.patch(`${at}?fieldManager=one`, 'apply', configMap('a', { k: 'w' }));
    await c.patch(`${at}?fieldManager=one`, 'apply', configMap('a', { k: 'w' }));
    await c.get(at);
  },
  'what a manager no longer applies goes': async (c) => {
    const at = c.at('v1', 'configmaps', 'a');
    await c.patch(
      `${at}?fieldManager=one`,
      'apply',
      configMap('a', { k: 'v', l: 'w' }, { labels: { x: 'y' } }),
    );
    await c.patch(`${at}?fieldManager=two`, 'apply', configMap('a', { l: 'w', m: 'x' }));
    await c.patch(`${at}?fieldManager=one`, 'apply', configMap('a', {}));
    await c.patch(`${at}?fieldManager=two`, 'apply', configMap('a'));
    await c.get(at);
  },
  'conflicts, and force': async (c) => {
    const at = c.at('v1', 'configmaps', 'a');
    await c.patch(`${at}?fieldManager=one`, 'apply', configMap('a', { k: 'v', l: 'v' }));
    await c.patch(`${at}?fieldManager=two`, 'apply', configMap('a', { k: 'w' }));
    await c.patch(`${at}?fieldManager=two`, 'apply', configMap('a', { k: 'w', l: 'w' }));
    await c.patch(`${at}?fieldManager=two&force=true`, 'apply', configMap('a', { k: 'w' }));
    await c.patch(`${at}?fieldManager=one`, 'apply', configMap('a', { k: 'v', l: 'v' }));
    await c.patch(`${at}?fieldManager=three`, 'merge', { data: { k: 'z' } });
    await c.patch(`${at}?fieldManager=two`, 'apply', configMap('a', { k: 'w' }));
  },
  'shared values are owned by both': async (c) => {
    const at = c.at('v1', 'configmaps', 'a');
    await c.patch(`${at}?fieldManager=one`, 'apply', configMap('a', { k: 'v' }));
    await c.patch(`${at}?fieldManager=two`, 'apply', configMap('a', { k: 'v' }));
    await c.patch(`${at}?fieldManager=two`, 'apply', configMap('a', { k: 'w' }));
    await c.patch(`${at}?fieldManager=one`, 'apply', configMap('a', {}));
  },
  'an update takes fields over': async (c) => {
    const at = c.at('v1', 'configmaps', 'a');
    const made = await c.patch(`${at}?fieldManager=one`, 'apply', configMap('a', { k: 'v', l: 'v' }));
    await c.put(`${at}?fieldManager=two`, { ...made, data: { k: 'w', l: 'v', m: 'x' } });
    await c.patch(`${at}?fieldManager=one`, 'apply', configMap('a', { k: 'v' }));
    await c.patch(`${at}?fieldManager=one&force=true`, 'apply', configMap('a', { k: 'v' }));
    await c.patch(`${at}?fieldManager=two`, 'merge', { data: { m: null } });
  },
  'what apply refuses': async (c) => {
    const at = c.at('v1', 'configmaps', 'a');
    await c.patch(at, 'apply', configMap('a'));
    await c.patch(`${at}?fieldManager=one`, 'apply', configMap('b'));
    await c.patch(`${at}?fieldManager=one`, 'apply', { metadata: { name: 'a' } }, { anyMessage: true });
    await c.patch(
      `${at}?fieldManager=one`,
      'apply',
      configMap('a', {}, { managedFields: [{ manager: 'x' }] }),
    );
    await c.patch(`${at}?fieldManager=one`, 'apply', configMap('a', {}, { resourceVersion: '1' }));
    await c.patch(`${at}?fieldManager=one&force=true`, 'merge', {});
    await c.patch(`${at}?fieldManager=${'m'.repeat(129)}`, 'apply', configMap('a'));
    await c.patch(
      `${at}?fieldManager=one`,
      'apply',
      configMap('a', {}, { uid: '11111111-2222-3333-4444-555555555555' }),
    );
  },
  'with the version it was made for': async (c) => {
    const at = c.at('v1', 'configmaps', 'a');
    const made = await c.patch(`${at}?fieldManager=one`, 'apply', configMap('a', { k: 'v' }));
    const { resourceVersion } = made.metadata;
    await c.patch(`${at}?fieldManager=one`, 'apply', configMap('a', { k: 'w' }, { resourceVersion }));
    await c.patch(`${at}?fieldManager=one`, 'apply', configMap('a', { k: 'x' }, { resourceVersion }));
  },
  'lists keyed by a field merge; sets merge; atomic ones are whole': async (c) => {
    const at = c.at(WIDGETS, 'widgets', 'a');
    await c.patch(
      `${at}?fieldManager=one`,
      'apply',
      widget('a', {
        parts: [{ name: 'x', weight: 1 }, { name: 'y' }],
        tags: ['p', 'q'],
        steps: [{ weight: 5 }],
      }),
    );
    await c.patch(
      `${at}?fieldManager=two`,
      'apply',
      widget('a', {
        parts: [
          { name: 'z', weight: 3 },
          { name: 'x', count: 2 },
        ],
        tags: ['r', 'q'],
      }),
    );
    await c.patch(
      `${at}?fieldManager=two`,
      'apply',
      widget('a', { parts: [{ name: 'z', weight: 3 }], tags: ['r'] }),
    );
    await c.patch(
      `${at}?fieldManager=two`,
      'apply',
      widget('a', { steps: [{ weight: 10 }], atomic: { a: 1 } }),
    );
    await c.patch(
      `${at}?fieldManager=two&force=true`,
      'apply',
      widget('a', { steps: [{ weight: 10 }], atomic: { a: 1 } }),
    );
    await c.patch(`${at}?fieldManager=one`, 'apply', widget('a', { atomic: { b: 2 } }));
    await c.patch(`${at}?fieldManager=one&force=true`, 'apply', widget('a', { atomic: { b: 2 } }));
    await c.patch(`${at}?fieldManager=one`, 'apply', widget('a', { parts: [{ name: 'x' }, { name: 'x' }] }));
  },
  'status has its own entry': async (c) => {
    const at = c.at(WIDGETS, 'widgets', 'a');
    const status = (phase: string) => ({ ...widget('a', {}), spec: undefined, status: { phase } });
    await c.patch(`${at}?fieldManager=one`, 'apply', widget('a', { size: 2 }));
    await c.patch(`${at}/status?fieldManager=one`, 'apply', status('Ready'));
    await c.patch(`${at}/status?fieldManager=one`, 'apply', status('Odd'));
    await c.patch(`${at}?fieldManager=one`, 'apply', {
      ...widget('a', { size: 4 }),
      status: { phase: 'Waiting' },
    });
    await c.patch(`${at}/status?fieldManager=two`, 'apply', status('Waiting'));
    await c.patch(`${at.replace('/a', '/none')}/status?fieldManager=two`, 'apply', status('Waiting'), {
      anyMessage: true,
    });
  },
  'conditions of two managers': async (c) => {
    const at = c.at(WIDGETS, 'widgets', 'a');
    const condition = (type: string, status: string) => ({
      ...widget('a', {}),
      spec: undefined,
      status: { conditions: [{ type, status, lastTransitionTime: '2030-01-01T00:00:00Z' }] },
    });
    await c.patch(`${at}?fieldManager=one`, 'apply', widget('a', {}));
    await c.patch(`${at}/status?fieldManager=one`, 'apply', condition('Ready', 'True'));
    await c.patch(`${at}/status?fieldManager=two`, 'apply', condition('Fast', 'False'));
    await c.patch(`${at}/status?fieldManager=two`, 'apply', condition('Ready', 'False'));
    await c.patch(`${at}/status?fieldManager=one`, 'apply', condition('Ready', 'False'));
  },
  'a Deployment': async (c) => {
    const at = c.at(DEPLOYMENTS, 'deployments', 'a');
    const wanted = deployment('a', 0);
    const only = (body: unknown) => {
      const { kind, metadata, spec } = body as {
        kind: string;
        metadata: { managedFields?: { manager: string }[]; generation: number };
        spec: unknown;
      };
      if (kind !== 'Deployment') return body;
      const managedFields = metadata.managedFields?.filter(
        (entry) => entry.manager !== 'kube-controller-manager',
      );
      return { generation: metadata.generation, managedFields, spec };
    };
    await c.patch(`${at}?fieldManager=one`, 'apply', wanted, { only });
    await c.patch(`${at}?fieldManager=one`, 'apply', wanted, { only });
    await c.patch(`${at}?fieldManager=hpa`, 'merge', { spec: { replicas: 2 } }, { only });
    await c.patch(`${at}?fieldManager=one`, 'apply', wanted, { only });
  },
  'fields that are not in the schema': async (c) => {
    const at = c.at(WIDGETS, 'widgets', 'a');
    await c.patch(
      `${at}?fieldManager=one`,
      'apply',
      widget('a', { nowhere: 1, free: { any: [1, { x: 2 }] } }),
    );
    await c.patch(
      `${c.at('v1', 'configmaps', 'a')}?fieldManager=one`,
      'apply',
      { ...configMap('a'), nowhere: 1 },
      { anyMessage: true },
    );
  },
});
