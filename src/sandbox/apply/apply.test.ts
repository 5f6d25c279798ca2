import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../cluster/object.ts';
import { applyPatch, ApplyConflict, ApplyRefused, resetFields, trackUpdate } from './index.ts';

const now = '2026-01-01T00:00:00Z';
const later = '2026-01-01T00:01:00Z';

const schema: JsonObject = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        replicas: { type: 'integer' },
        paused: { type: 'boolean' },
        selector: {
          type: 'object',
          additionalProperties: { type: 'string' },
          'x-kubernetes-map-type': 'atomic',
        },
        hosts: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
        args: { type: 'array', items: { type: 'string' } },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
          items: {
            type: 'object',
            properties: {
              port: { type: 'integer' },
              protocol: { type: 'string', default: 'TCP' },
              name: { type: 'string' },
            },
          },
        },
      },
    },
    status: { type: 'object', properties: { phase: { type: 'string' } } },
  },
};

function thing(spec: JsonObject, metadata: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'x.dev/v1',
    kind: 'Thing',
    metadata: { name: 'a', namespace: 'default', ...metadata },
    spec,
  };
}

function apply(live: JsonObject | undefined, spec: JsonObject, manager = 'one', force = false, at = now) {
  return applyPatch({ live, patch: thing(spec), manager, force, now: at, schema });
}

function managers(object: JsonObject): JsonObject[] {
  return ((object['metadata'] as JsonObject)['managedFields'] ?? []) as JsonObject[];
}

function fieldsOf(object: JsonObject, manager: string): unknown {
  return managers(object).find((entry) => entry['manager'] === manager)?.['fieldsV1'];
}

describe('an apply that creates', () => {
  it('owns the fields it names and nothing of what identifies the object', () => {
    const { object, changed } = apply(undefined, {
      replicas: 1,
      hosts: ['a'],
      ports: [{ port: 80, name: 'http' }],
    });
    expect(changed).toBe(true);
    expect(managers(object)).toEqual([
      {
        manager: 'one',
        operation: 'Apply',
        apiVersion: 'x.dev/v1',
        time: now,
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:spec': {
            'f:hosts': { 'v:"a"': {} },
            'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:name': {}, 'f:port': {} } },
            'f:replicas': {},
          },
        },
      },
    ]);
  });
});

describe('a second apply', () => {
  it('removes what its manager no longer names and nobody else owns', () => {
    const first = apply(undefined, { replicas: 1, paused: true, hosts: ['a', 'b'] }).object;
    const { object } = apply(first, { replicas: 1, hosts: ['b'] }, 'one', false, later);
    expect(object['spec']).toEqual({ replicas: 1, hosts: ['b'] });
  });

  it('keeps what another manager owns too', () => {
    const first = apply(undefined, { replicas: 1, paused: true }).object;
    const shared = apply(first, { paused: true }, 'two').object;
    const { object } = apply(shared, { replicas: 1 }, 'one', false, later);
    expect(object['spec']).toEqual({ replicas: 1, paused: true });
    expect(fieldsOf(object, 'one')).toEqual({ 'f:spec': { 'f:replicas': {} } });
  });

  it('conflicts with the owner of a field it changes, and says who that is', () => {
    const first = apply(undefined, { replicas: 1 }).object;
    expect(() => apply(first, { replicas: 2 }, 'two')).toThrow(
      new ApplyConflict([
        {
          manager: 'one',
          operation: 'Apply',
          field: '.spec.replicas',
          message: 'conflict with "one"',
          path: ['f:spec', 'f:replicas'],
        },
      ]),
    );
    expect(() => apply(first, { replicas: 2 }, 'two')).toThrow(
      'Apply failed with 1 conflict: conflict with "one": .spec.replicas',
    );
  });

  it('takes the field with force', () => {
    const first = apply(undefined, { replicas: 1, paused: true }).object;
    const { object } = apply(first, { replicas: 2 }, 'two', true, later);
    expect(object['spec']).toEqual({ replicas: 2, paused: true });
    expect(fieldsOf(object, 'one')).toEqual({ 'f:spec': { 'f:paused': {} } });
    expect(fieldsOf(object, 'two')).toEqual({ 'f:spec': { 'f:replicas': {} } });
  });

  it('merges lists by their keys, in the order of the configuration', () => {
    const first = apply(undefined, {
      ports: [
        { port: 1, name: 'a' },
        { port: 2, name: 'b' },
      ],
    }).object;
    const { object } = apply(first, { ports: [{ port: 3 }, { port: 1, name: 'a' }] }, 'two');
    expect(object['spec']).toEqual({ ports: [{ port: 3 }, { port: 1, name: 'a' }, { port: 2, name: 'b' }] });
  });

  it('replaces atomic lists and maps', () => {
    const first = apply(undefined, { args: ['a', 'b'], selector: { app: 'x' } }).object;
    const { object } = apply(first, { args: ['c'], selector: { version: 'y' } }, 'one', false, later);
    expect(object['spec']).toEqual({ args: ['c'], selector: { version: 'y' } });
    expect(fieldsOf(object, 'one')).toEqual({ 'f:spec': { 'f:args': {}, 'f:selector': {} } });
  });
});

describe('an apply by kubectl to what it applied from the client side before', () => {
  const applied = thing({ replicas: 1, paused: true });
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(applied) };
  const created: JsonObject = { ...applied, metadata: { name: 'a', namespace: 'default', annotations } };
  const managedFields = trackUpdate({
    before: undefined,
    after: created,
    manager: 'kubectl-client-side-apply',
    now,
    schema,
  });
  const live: JsonObject = {
    ...created,
    metadata: { name: 'a', namespace: 'default', annotations, managedFields: managedFields ?? [] },
  };

  it('takes over what nobody changed since, and keeps the annotation true', () => {
    const { object } = apply(live, { replicas: 2, paused: true }, 'kubectl', false, later);
    expect(object['spec']).toEqual({ replicas: 2, paused: true });
    const kept = (object['metadata'] as { annotations: Record<string, string> }).annotations;
    expect(JSON.parse(Object.values(kept)[0] ?? '')).toEqual(thing({ replicas: 2, paused: true }));
  });

  it('conflicts all the same over what somebody changed since', () => {
    const changed: JsonObject = { ...live, spec: { replicas: 7, paused: true } };
    const after = trackUpdate({ before: live, after: changed, manager: 'scaler', now: later, schema });
    const metadata = { name: 'a', namespace: 'default', annotations, managedFields: after ?? [] };
    expect(() => apply({ ...changed, metadata }, { replicas: 2 }, 'kubectl')).toThrow(
      'Apply failed with 1 conflict: conflict with "scaler" using x.dev/v1: .spec.replicas',
    );
  });
});

describe('an apply that the server refuses', () => {
  it('carries managedFields', () => {
    const patch = { ...thing({}), metadata: { name: 'a', managedFields: [] } };
    expect(() => applyPatch({ live: undefined, patch, manager: 'one', force: false, now, schema })).toThrow(
      new ApplyRefused(400, 'metadata.managedFields must be nil'),
    );
  });

  it('names a field that the schema does not know', () => {
    expect(() => apply(undefined, { replica: 1 })).toThrow(
      'failed to create typed patch object (default/a; x.dev/v1, Kind=Thing): .spec.replica: field not declared in schema',
    );
  });

  it('repeats a key', () => {
    expect(() => apply(undefined, { ports: [{ port: 1 }, { port: 1 }] })).toThrow(
      '.spec.ports: duplicate entries for key [port=1,protocol="TCP"]',
    );
  });
});

describe('an update', () => {
  it('makes its writer the owner of what it changed', () => {
    const first = apply(undefined, { replicas: 1, paused: true }).object;
    const after = { ...first, spec: { replicas: 5, paused: true } };
    const managedFields = trackUpdate({ before: first, after, manager: 'kubectl', now: later, schema });
    const object = thing(after.spec, { managedFields: managedFields ?? [] });
    expect(fieldsOf(object, 'one')).toEqual({ 'f:spec': { 'f:paused': {} } });
    expect(managers(object).find(({ manager }) => manager === 'kubectl')).toMatchObject({
      operation: 'Update',
      time: later,
      fieldsV1: { 'f:spec': { 'f:replicas': {} } },
    });
    expect(() => apply(object, { replicas: 1, paused: true })).toThrow(
      'Apply failed with 1 conflict: conflict with "kubectl" using x.dev/v1: .spec.replicas',
    );
  });

  it('forgets all managers when it is told to', () => {
    const first = apply(undefined, { replicas: 1 }).object;
    const after = thing({ replicas: 1 }, { managedFields: [{}] });
    expect(trackUpdate({ before: first, after, manager: 'x', now, schema })).toBeUndefined();
  });

  it('of the status owns the status only', () => {
    const before = apply(undefined, { replicas: 1 }).object;
    const after = { ...before, spec: { replicas: 9 }, status: { phase: 'Ready' } };
    const reset = resetFields(true, true, 'status');
    const entries = trackUpdate({
      before,
      after,
      manager: 'c',
      subresource: 'status',
      now: later,
      schema,
      reset,
    });
    expect(entries?.find(({ manager }) => manager === 'c')).toMatchObject({
      subresource: 'status',
      fieldsV1: { 'f:status': { '.': {}, 'f:phase': {} } },
    });
  });
});

const anySpec = fc.record(
  {
    replicas: fc.integer({ min: 0, max: 3 }),
    paused: fc.boolean(),
    selector: fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('x', 'y')),
    // An empty list has no field that one could own, so only others are sure to stay what they were.
    hosts: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }),
    args: fc.array(fc.constantFrom('a', 'b')),
    ports: fc.uniqueArray(
      fc.record(
        { port: fc.integer({ min: 1, max: 3 }), name: fc.constantFrom('x', 'y') },
        { requiredKeys: ['port'] },
      ),
      { selector: ({ port }) => port, minLength: 1 },
    ),
  },
  // Without any field to own, an object counts as never applied.
  { requiredKeys: ['replicas'] },
);

describe('whatever is applied', () => {
  it('changes nothing when it is applied again', () => {
    fc.assert(
      fc.property(fc.array(anySpec, { maxLength: 3 }), anySpec, (history, spec) => {
        let live: JsonObject | undefined;
        for (const [index, earlier] of history.entries()) {
          live = apply(live, earlier, index % 2 === 0 ? 'one' : 'two', true).object;
        }
        const once = apply(live, spec, 'one', true).object;
        const twice = apply(once, spec, 'one', false, later);
        expect(twice.changed).toBe(false);
        expect(twice.object).toEqual(once);
      }),
    );
  });

  it('is there afterwards, and no field that its sole manager no longer names', () => {
    fc.assert(
      fc.property(anySpec, anySpec, (before, after) => {
        const first = apply(undefined, before).object;
        const { object } = apply(first, after);
        for (const [name, value] of Object.entries(after)) {
          if (Array.isArray(value) && value.length === 0) continue;
          expect((object['spec'] as JsonObject)[name]).toEqual(value);
        }
        if (after.paused === undefined) expect(object['spec']).not.toHaveProperty('paused');
        if (after.args === undefined) expect(object['spec']).not.toHaveProperty('args');
      }),
    );
  });

  it('then updated by another leaves no field with two owners of different minds', () => {
    fc.assert(
      fc.property(anySpec, anySpec, (applied, updated) => {
        const before = apply(undefined, applied).object;
        const after: JsonObject = { ...before, spec: updated };
        const managedFields = trackUpdate({ before, after, manager: 'two', now: later, schema }) ?? [];
        const object = thing(updated, { managedFields });
        // What the applier still owns it may apply again without a conflict.
        const kept = applyPatch({
          live: object,
          patch: thing(updated),
          manager: 'one',
          force: false,
          now: later,
          schema,
        });
        expect(kept.object['spec']).toEqual(updated);
      }),
    );
  });
});
