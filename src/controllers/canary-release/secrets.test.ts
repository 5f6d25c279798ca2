import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import { ApiError, type ApiClient, type KubeObject } from '../../kube/types.ts';
import { secrets as secretsType } from '../../kube/well-known.ts';
import { Cluster } from '../../sandbox/index.ts';
import { namespaces } from '../../kube/well-known.ts';
import { Secrets } from './secrets.ts';

const REF = { name: 'api', key: 'token' };

async function setUp() {
  const clock = new VirtualClock();
  const client = new Cluster({ clock }).client({ user: 'admin' });
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  let refusal: ApiError | undefined;
  let reads = 0;
  const get: ApiClient['get'] = (type, ref) => {
    reads++;
    return refusal === undefined ? client.get(type, ref) : Promise.reject(refusal);
  };
  const secrets = new Secrets({ clock, client: Object.assign(Object.create(client) as ApiClient, { get }) });
  const write = async (data: Record<string, string>) => {
    const object: KubeObject & { stringData: Record<string, string> } = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'api', namespace: 'shop' },
      stringData: data,
    };
    await client.patch(secretsType, object.metadata, 'apply', object, { fieldManager: 'admin', force: true });
  };
  return {
    clock,
    secrets,
    write,
    reads: () => reads,
    refuse: (error: ApiError | undefined) => {
      refusal = error;
    },
    seen: async () => {
      await secrets.refresh('shop', ['api']);
      const value = secrets.lookup('shop', REF);
      return 'text' in value ? value.text : 'problem' in value ? value.problem.message : '';
    },
  };
}

describe('a Secret', () => {
  it('is read when it is needed, and kept for a while', async () => {
    const { clock, seen, write, reads } = await setUp();
    await write({ token: 's3cret\n' });
    expect(await seen()).toBe('s3cret');
    await write({ token: 'rotated' });
    expect(await seen()).toBe('s3cret');
    expect(reads()).toBe(1);
    await clock.advance(60_000);
    expect(await seen()).toBe('rotated');
  });

  it('that is missing, or lacks the key, is told of, and looked for again', async () => {
    const { clock, seen, write } = await setUp();
    expect(await seen()).toBe('Secret api does not exist in namespace shop: make it');
    await write({ other: 'x' });
    await clock.advance(5000);
    expect(await seen()).toBe('Secret api has no key token: it has other');
  });

  it('that may not be read says what allows it', async () => {
    const { seen, refuse } = await setUp();
    refuse(new ApiError(403, 'Forbidden', 'secrets "api" is forbidden'));
    expect(await seen()).toContain('kubectl apply -k config/secrets');
  });

  it('stays known while the API server is away', async () => {
    const { clock, seen, write, refuse } = await setUp();
    await write({ token: 's3cret' });
    await seen();
    await clock.advance(60_000);
    refuse(new ApiError(0, 'ConnectionFailed', 'connect ECONNREFUSED'));
    expect(await seen()).toBe('s3cret');
  });

  it('that was never read is no value', () => {
    const secrets = new Secrets({ clock: new VirtualClock(), client: new Cluster().client({ user: 'a' }) });
    expect(secrets.lookup('shop', REF)).toMatchObject({ problem: { reason: 'SecretUnreadable' } });
  });
});
