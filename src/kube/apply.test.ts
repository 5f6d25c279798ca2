import { describe, expect, it } from 'vitest';
import { APPLIED_ANNOTATION, applyObject, intentHash, isApplied, withIntentHash } from './apply.ts';
import { ScriptedApi } from './scripted-api.ts';
import type { ApiClient, KubeObject } from './types.ts';
import { services } from './well-known.ts';

interface Service extends KubeObject {
  spec: { ports: { port: number }[]; selector?: Record<string, string> };
}
const intent = (more: Partial<Service['spec']> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'shop', name: 'web' },
  spec: { ports: [{ port: 80 }], ...more },
});

describe('an intent', () => {
  it('has a hash that does not hang on the order of keys, nor on the annotation that carries it', () => {
    const hashed = withIntentHash(intent());
    expect(hashed.metadata.annotations).toEqual({ [APPLIED_ANNOTATION]: intentHash(intent()) });
    expect(withIntentHash(hashed)).toEqual(hashed);
    const { kind, ...rest } = intent();
    const reordered: Service = { ...rest, kind };
    expect(intentHash(reordered)).toBe(intentHash(intent()));
    expect(intentHash(intent({ ports: [{ port: 81 }] }))).not.toBe(intentHash(intent()));
    expect(intent().metadata.annotations).toBeUndefined();
  });

  it('is applied when it was the last one and nobody changed a field of it', () => {
    const live = { ...withIntentHash(intent()), status: {} };
    expect(isApplied(intent(), live)).toBe(true);
    expect(isApplied(intent(), undefined)).toBe(false);
    // somebody else changed a field
    const changed: Service = { ...live, spec: { ports: [{ port: 81 }] } };
    expect(isApplied(intent(), changed)).toBe(false);
  });

  it('is not applied where the live object still has what an earlier intent had', () => {
    const live = withIntentHash(intent({ selector: { app: 'old' } }));
    expect(isApplied(intent(), live)).toBe(false);
  });

  it('is not applied to an object that somebody else made alike', () => {
    expect(isApplied(intent(), intent())).toBe(false);
  });
});

it('applyObject sends the whole intent with its hash and preconditions, as one field manager', async () => {
  const calls: unknown[][] = [];
  const client: ApiClient = {
    ...new ScriptedApi().client,
    patch: async <T extends KubeObject>(...call: [unknown, unknown, unknown, unknown, unknown?]) => {
      calls.push(call);
      return call[3] as T;
    },
  };
  const options = { fieldManager: 'songbird', force: true };
  const live = await applyObject(client, services, intent(), { ...options, preconditions: { uid: 'u' } });
  expect(live.spec).toEqual(intent().spec);
  const hashed = withIntentHash(intent());
  expect(calls).toEqual([
    [
      services,
      { namespace: 'shop', name: 'web' },
      'apply',
      { ...hashed, metadata: { ...hashed.metadata, uid: 'u' } },
      options,
    ],
  ]);
});
