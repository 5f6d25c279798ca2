import { cases, configMap } from './case.ts';
import type { Conversation } from '../conversation.ts';

const GONE = (_found: unknown, status: number) => status === 404;

/** An owner and a dependent that it owns, both ConfigMaps. */
async function family(c: Conversation, block = true): Promise<string> {
  const path = c.at('v1', 'configmaps');
  const owner = await c.post(path, configMap('owner'));
  const reference = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: 'owner',
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: block,
  };
  await c.post(path, configMap('child', {}, { ownerReferences: [reference] }));
  return path;
}

export const collectionCases = cases(
  'garbage collection',
  {
    'in the background: the dependents follow': async (c) => {
      const path = await family(c);
      await c.delete(`${path}/owner`);
      await c.eventually(`${path}/child`, 'the child is gone', GONE);
      await c.get(`${path}/owner`);
    },
    'in the foreground: the owner waits': async (c) => {
      const path = await family(c);
      await c.patch(`${path}/child`, 'merge', { metadata: { finalizers: ['songbird.dev/hold'] } });
      await c.delete(`${path}/owner`, { propagationPolicy: 'Foreground' });
      await c.eventually(
        `${path}/child`,
        'the child is marked',
        (found) => 'deletionTimestamp' in found.metadata,
      );
      await c.get(`${path}/owner`);
      await c.patch(`${path}/child`, 'merge', { metadata: { finalizers: null } });
      await c.eventually(`${path}/owner`, 'the owner is gone', GONE);
    },
    'in the foreground without blocking: the owner does not wait': async (c) => {
      const path = await family(c, false);
      await c.patch(`${path}/child`, 'merge', { metadata: { finalizers: ['songbird.dev/hold'] } });
      await c.delete(`${path}/owner`, { propagationPolicy: 'Foreground' });
      await c.eventually(`${path}/owner`, 'the owner is gone', GONE);
      await c.eventually(
        `${path}/child`,
        'the child is marked',
        (found) => 'deletionTimestamp' in found.metadata,
      );
    },
    'orphaned: the reference is taken off': async (c) => {
      const path = await family(c);
      await c.delete(`${path}/owner`, { propagationPolicy: 'Orphan' });
      await c.eventually(`${path}/owner`, 'the owner is gone', GONE);
      await c.eventually(
        `${path}/child`,
        'the child is free',
        (found) => !('ownerReferences' in found.metadata),
      );
    },
    'a second owner keeps the dependent': async (c) => {
      const path = c.at('v1', 'configmaps');
      const first = await c.post(path, configMap('first'));
      const second = await c.post(path, configMap('second'));
      const reference = (owner: { metadata: { name: string; uid: string } }) => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: owner.metadata.name,
        uid: owner.metadata.uid,
      });
      await c.post(path, configMap('child', {}, { ownerReferences: [reference(first), reference(second)] }));
      await c.delete(`${path}/first`);
      await c.eventually(`${path}/child`, 'one owner is left', (found) => {
        const owners = found.metadata['ownerReferences'] as unknown[] | undefined;
        return owners?.length === 1;
      });
      await c.delete(`${path}/second`);
      await c.eventually(`${path}/child`, 'the child is gone', GONE);
    },
    'an owner that never was': async (c) => {
      const path = c.at('v1', 'configmaps');
      const uid = '11111111-2222-3333-4444-555555555555';
      const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'ghost', uid };
      await c.post(path, configMap('child', {}, { ownerReferences: [reference] }));
      await c.eventually(`${path}/child`, 'the child is gone', GONE);
    },
    'two controllers are refused': async (c) => {
      const path = c.at('v1', 'configmaps');
      const owner = await c.post(path, configMap('owner'));
      const reference = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: 'owner',
        uid: owner.metadata.uid,
        controller: true,
      };
      const other = { ...reference, name: 'other', uid: '11111111-2222-3333-4444-555555555555' };
      await c.post(path, configMap('child', {}, { ownerReferences: [reference, other] }));
    },
    'a namespace takes everything along': async (c) => {
      const name = `${c.namespace}-more`;
      const path = `/api/v1/namespaces/${name}/configmaps`;
      await c.post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      await c.post(path, configMap('a', {}, { finalizers: ['songbird.dev/hold'] }));
      await c.delete(`/api/v1/namespaces/${name}`);
      await c.post(path, configMap('b'));
      await c.eventually(
        `${path}/a`,
        'the object is marked',
        (found) => 'deletionTimestamp' in found.metadata,
      );
      await c.patch(`${path}/a`, 'merge', { metadata: { finalizers: null } });
      await c.eventually(`/api/v1/namespaces/${name}`, 'the namespace is gone', GONE);
    },
  },
  { controllers: true },
);
