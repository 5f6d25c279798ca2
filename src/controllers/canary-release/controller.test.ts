import { beforeEach, describe, expect, it } from 'vitest';
import type { CanaryReleaseStatus } from '../../api/index.ts';
import { ApiError, type KubeObject, type ResourceType, keyOf } from '../../kube/types.ts';
import { customResourceDefinitions, services } from '../../kube/well-known.ts';
import { manifest } from '../cluster.testing.ts';
import { canaryReleases, releaseCommands } from '../../api/resources.ts';
import { Stage, failure } from './act.testing.ts';
import { Analyst } from './analyst.ts';
import { cachesOf } from './caches.testing.ts';
import type { Caches } from './caches.ts';
import { CanaryReleaseController, isStale } from './controller.ts';
import { Secrets } from './secrets.ts';

const KEY = 'shop/cart';

let stage: Stage;
let controller: CanaryReleaseController;
/** What the informers show: nothing moves it but {@link catchUp}. */
let shown: readonly KubeObject[];
let caches: Caches;
/** What passes told, in order. */
let told: string[];

beforeEach(async () => {
  stage = await Stage.set();
  told = [];
  const { clock, client, writes, actor } = stage;
  const access = {
    sources: { proxies: nothing, prometheus: nothing },
    events: nothing,
    values: { prometheus: noValue, web: noValue },
    prometheusAddress: undefined,
  };
  controller = new CanaryReleaseController({
    caches: new Proxy({} as Caches, { get: (_, name) => caches[name as keyof Caches] }),
    lookup: (type, key) =>
      shown.find((object) => object.kind === type.kind && keyOf(object.metadata) === key),
    writes,
    actor,
    analyst: new Analyst(access, clock, () => undefined),
    secrets: new Secrets({ client, clock }),
    clock,
    observer: {
      decided: (_key, _gathered, { effect }) => told.push(`decided ${effect?.kind ?? 'nothing'}`),
      event: (_release, { reason }) => told.push(`event ${reason}`),
      refused: (_release, { reason }) => told.push(`refused ${reason}`),
      forgotten: (key) => told.push(`forgotten ${key}`),
    },
    doubt: () => told.push('doubt'),
  });
  await catchUp();
});

const nothing = {
  read: async () => ({ ok: true as const, intervals: [], completeThrough: {} }),
  forget: () => undefined,
};
const noValue = async () => ({ outcome: 'error' as const, message: 'no data' });

/** Lets the informers see all that has happened, less the kinds in `hidden`. */
async function catchUp(hidden: readonly ResourceType[] = []): Promise<void> {
  shown = await stage.objects(hidden);
  caches = cachesOf(shown);
}

const of = (name: string) => ({ namespace: 'shop', name });
const statusOf = async () =>
  ((await stage.live(canaryReleases, 'cart')) as { status?: CanaryReleaseStatus }).status ?? {};
const sentSince = () =>
  stage.sent
    .splice(0)
    .map(({ verb, plural, subresource }) => [verb, plural, subresource].filter(Boolean).join(' '));
const pass = () => controller.pass(KEY);

/** Passes, each with caches that are up to date, until one writes nothing and waits for nothing to come. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) {
    const before = stage.written().length;
    await pass();
    await catchUp();
    if (stage.written().length === before) return;
  }
  throw new Error('it does not settle');
}

describe('a pass', () => {
  it('writes the status first, then does one thing, and tells events once the status is there', async () => {
    await pass();
    expect(sentSince()).toEqual(['update canaryreleases status', 'patch canaryreleases']);
    expect(told[0]).toBe('decided addFinalizer');
    expect(await statusOf()).toMatchObject({ phase: 'Initializing', observedGeneration: 1 });
    expect((await stage.live(canaryReleases, 'cart')).metadata.finalizers).toEqual(['songbird.dev/traffic']);
  });

  it('that changes nothing writes nothing', async () => {
    await settle();
    stage.sent.length = 0;
    await pass();
    expect(stage.written()).toEqual([]);
  });

  it('tells an event once the status that caused it is there, and not when that was refused', async () => {
    let refused = 0;
    const check = async () => {
      stage.meanwhile = check;
      const { plural, body } = stage.sent.at(-1) ?? {};
      const { status } = (body ?? {}) as { status?: CanaryReleaseStatus };
      if (plural !== 'canaryreleases' || status?.history === undefined || refused > 0) return;
      refused++;
      await stage.admin.patch(canaryReleases, of('cart'), 'merge', { metadata: { annotations: { a: 'b' } } });
    };
    stage.meanwhile = check;
    const ends = () => told.filter((line) => line === 'event Promoted').length;
    for (let i = 0; i < 30 && refused === 0; i++) {
      await pass().catch(() => undefined);
      await stage.clock.advance(1000);
      await catchUp();
    }
    expect([refused, ends()]).toEqual([1, 0]);
    await pass();
    expect(ends()).toBe(1);
    await catchUp();
    await settle();
    expect(ends()).toBe(1);
  });

  it('over a release that is gone forgets it', async () => {
    await pass();
    shown = [];
    caches = cachesOf([]);
    told.length = 0;
    expect(await pass()).toBeUndefined();
    expect(told).toEqual([`forgotten ${KEY}`]);
    expect(stage.writes.pending(KEY, () => undefined)).toBe(false);
  });
});

describe('a cache that is behind the last write', () => {
  it('is waited for: nothing is decided, read or written', async () => {
    await pass();
    stage.sent.length = 0;
    told.length = 0;
    expect(await pass()).toEqual({ at: stage.clock.now() + 500 });
    expect([stage.sent, told]).toEqual([[], []]);
    // And once it has caught up, the next thing is done, not the same again
    await catchUp();
    await pass();
    expect(told).toEqual(['decided applyService']);
  });

  it('is waited for in each kind that was written', async () => {
    await pass();
    await catchUp();
    await pass();
    expect(sentSince()).toContain('patch services');
    await catchUp([services]);
    expect(await pass()).toEqual({ at: stage.clock.now() + 500 });
    expect(stage.sent).toEqual([]);
    await catchUp();
    told.length = 0;
    await pass();
    expect(told[0]).toBe('decided applyDeployment');
  });

  it('is doubted after a while: its watch may be dead', async () => {
    await pass();
    told.length = 0;
    await stage.clock.advance(2000);
    await pass();
    expect(told).toEqual([]);
    await stage.clock.advance(100);
    await pass();
    expect(told).toEqual(['doubt']);
  });

  it('is waited for no longer than 30 s, and then decided on, which the API server refuses', async () => {
    await pass();
    await stage.clock.advance(30_001);
    stage.sent.length = 0;
    const before = await statusOf();
    const error = await failure(pass());
    expect(isStale(error)).toBe(true);
    expect(stage.sent).toHaveLength(1);
    expect(await statusOf()).toEqual(before);
  });
});

describe('somebody who is faster', () => {
  it('voids the decision: the status is not written, nothing is done, no event is told', async () => {
    await stage.admin.patch(canaryReleases, of('cart'), 'merge', { spec: { replicas: 5 } });
    told.length = 0;
    const error = await failure(pass());
    expect(error).toMatchObject({ code: 409 });
    expect(isStale(error)).toBe(true);
    expect(sentSince()).toEqual(['update canaryreleases status']);
    expect(told).toEqual(['decided addFinalizer']);
    // Observed again, the pass decides on what is there now
    await catchUp();
    await pass();
    expect(await statusOf()).toMatchObject({ observedGeneration: 2 });
  });

  it('voids an effect that needs no new status, as of an operator that leads with a cache that lags', async () => {
    await settle();
    await stage.admin.delete(services, of('cart'));
    await catchUp();
    await stage.admin.patch(canaryReleases, of('cart'), 'merge', { metadata: { annotations: { a: 'b' } } });
    expect(isStale(await failure(pass()))).toBe(true);
    expect(stage.written()).not.toContain('create services');
    expect(await failure(stage.live(services, 'cart'))).toMatchObject({ code: 404 });
    await catchUp();
    await pass();
    expect(await stage.live(services, 'cart')).toBeDefined();
  });

  it('between the status and the effect voids the effect', async () => {
    let writes = 0;
    const interrupt = async () => {
      stage.meanwhile = interrupt;
      if (++writes === 2) {
        await stage.admin.patch(canaryReleases, of('cart'), 'merge', { metadata: { finalizers: ['a.b/c'] } });
      }
    };
    stage.meanwhile = interrupt;
    expect(isStale(await failure(pass()))).toBe(true);
    expect((await stage.live(canaryReleases, 'cart')).metadata.finalizers).toEqual(['a.b/c']);
    stage.meanwhile = undefined;
    await catchUp();
    await pass();
    expect((await stage.live(canaryReleases, 'cart')).metadata.finalizers).toEqual([
      'a.b/c',
      'songbird.dev/traffic',
    ]);
  });
});

describe('a release that was deleted and made again under its name', () => {
  const recreate = async () => {
    await stage.admin.patch(canaryReleases, of('cart'), 'merge', { metadata: { finalizers: null } });
    await stage.admin.delete(canaryReleases, of('cart'));
    await stage.admin.create(canaryReleases, manifest('cart:2'));
  };

  it('gets no status that was decided for the other', async () => {
    await recreate();
    expect(isStale(await failure(pass()))).toBe(true);
    expect(await statusOf()).toEqual({});
  });

  it('is not waited for on account of the other, and begins anew', async () => {
    await settle();
    await recreate();
    await catchUp();
    told.length = 0;
    await pass();
    expect(told[0]).toBe('decided addFinalizer');
    const { attempt, stableRevision, conditions } = await statusOf();
    expect([attempt?.number, stableRevision]).toEqual([1, undefined]);
    expect(conditions?.find(({ type }) => type === 'Ready')?.status).not.toBe('True');
  });

  it('finds what belonged to the other, and takes none of it over', async () => {
    await settle();
    await recreate();
    await catchUp();
    await settle();
    const service = await stage.live(services, 'cart');
    const release = await stage.live(canaryReleases, 'cart');
    expect(service.metadata.ownerReferences?.[0]?.uid).not.toBe(release.metadata.uid);
  });
});

describe('a command', () => {
  it('that was told long ago is not obeyed again by whose cache shows it as new', async () => {
    await settle();
    const created = await stage.admin.create(releaseCommands, {
      apiVersion: 'songbird.dev/v1alpha1',
      kind: 'ReleaseCommand',
      metadata: of('stop'),
      spec: { release: 'cart', revision: 'one', action: 'abort' },
    } as KubeObject);
    await catchUp();
    await settle();
    const answered = await stage.live(releaseCommands, 'stop');
    expect(answered).toMatchObject({ status: { phase: 'Refused' } });
    expect(told.filter((line) => line === 'event CommandRefused')).toHaveLength(1);

    const stale = [...shown.filter(({ kind }) => kind !== 'ReleaseCommand'), created];
    caches = cachesOf(stale);
    stage.sent.length = 0;
    await pass();
    expect(stage.written()).toEqual([]);
    expect(await stage.live(releaseCommands, 'stop')).toEqual(answered);
  });

  it('is told nothing that differs from what it was told', async () => {
    await settle();
    const { metadata } = await stage.admin.create(releaseCommands, {
      apiVersion: 'songbird.dev/v1alpha1',
      kind: 'ReleaseCommand',
      metadata: of('stop'),
      spec: { release: 'cart', revision: 'one', action: 'abort' },
    } as KubeObject);
    const at = '2030-01-01T00:00:00.000Z';
    const finish = { kind: 'finishCommand', name: 'stop', uid: metadata.uid ?? '', at } as const;
    await stage.actor.answer(KEY, { ...finish, phase: 'Executed', message: 'aborted' });
    await stage.actor.answer(KEY, { ...finish, phase: 'Refused', message: 'there is no release' });
    expect(await stage.live(releaseCommands, 'stop')).toMatchObject({ status: { phase: 'Executed' } });
  });
});

describe('a write that is refused', () => {
  /** Lets every write of this kind fail, until the test says otherwise. */
  function refuse(plural: string, error: ApiError): { mend: () => void } {
    let mended = false;
    const check = async () => {
      stage.meanwhile = check;
      if (!mended && stage.sent.at(-1)?.plural === plural) throw error;
    };
    stage.meanwhile = check;
    return { mend: () => (mended = true) };
  }

  it('is told once, shown in status at once, tried every 5 s, and forgotten when it goes through', async () => {
    const { mend } = refuse(
      'services',
      new ApiError(422, 'Invalid', 'spec.ports[0].port: Invalid value: 80'),
    );
    await pass();
    await catchUp();
    expect(await pass()).toEqual({ at: stage.clock.now() });
    expect(told.filter((line) => line.startsWith('refused'))).toEqual(['refused ApiWriteFailed']);
    await catchUp();
    expect(await pass()).toEqual({ at: stage.clock.now() + 5000 });
    const message =
      'applyService was refused as invalid: spec.ports[0].port: Invalid value: 80; mend spec accordingly';
    const { conditions } = await statusOf();
    expect(conditions).toContainEqual(
      expect.objectContaining({ type: 'Stalled', status: 'True', reason: 'ApiWriteFailed', message }),
    );
    await catchUp();
    await pass();
    expect(told.filter((line) => line.startsWith('refused'))).toHaveLength(1);
    mend();
    await catchUp();
    await settle();
    expect((await statusOf()).conditions?.some(({ type }) => type === 'Stalled')).toBe(false);
  });
});

describe('a status that is refused', () => {
  it('is told once, holds everything else back, and is written with all that was decided when it can be', async () => {
    let denied = true;
    const check = async () => {
      stage.meanwhile = check;
      if (denied && stage.sent.at(-1)?.subresource === 'status')
        throw new ApiError(403, 'Forbidden', 'admission webhook "policy" denied the request: not now');
    };
    stage.meanwhile = check;
    expect(await pass()).toEqual({ at: stage.clock.now() + 5000 });
    await stage.clock.advance(5000);
    await pass();
    expect(told.filter((line) => line.startsWith('refused'))).toEqual(['refused ApiWriteFailed']);
    expect(sentSince()).toEqual(['update canaryreleases status', 'update canaryreleases status']);
    denied = false;
    const { attempt } = await statusOf();
    expect(attempt).toBeUndefined();
    await pass();
    // The attempt began when it was decided, not when it could be written
    expect(Date.parse((await statusOf()).attempt?.startedAt ?? '')).toBe(stage.clock.now() - 5000);
    expect(sentSince()).toEqual(['update canaryreleases status', 'patch canaryreleases']);
  });
});

describe('an object that cannot be understood', () => {
  beforeEach(async () => {
    // Given an older CRD, which lets through what this version does not know
    const name = 'canaryreleases.songbird.dev';
    const crd = await stage.admin.get<KubeObject & { spec: { versions: object[] } }>(
      customResourceDefinitions,
      { name },
    );
    const loose = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    const versions = crd.spec.versions.map((version) => ({ ...version, schema: loose }));
    await stage.admin.update(customResourceDefinitions, { ...crd, spec: { ...crd.spec, versions } });
    await stage.admin.patch(canaryReleases, of('cart'), 'merge', {
      metadata: { finalizers: ['songbird.dev/traffic'] },
      spec: { steps: 'many' },
    });
    await catchUp();
  });

  it('is told so in status, once, and nothing else is touched', async () => {
    expect(await pass()).toBeUndefined();
    const { conditions, message } = await statusOf();
    expect(message).toContain('spec.steps');
    expect(conditions).toContainEqual(
      expect.objectContaining({ type: 'Stalled', status: 'True', reason: 'InvalidSpec' }),
    );
    expect(sentSince()).toEqual(['update canaryreleases status']);
    await catchUp();
    await pass();
    expect(sentSince()).toEqual([]);
  });

  it('is let go when it is deleted', async () => {
    await stage.admin.delete(canaryReleases, of('cart'));
    await catchUp();
    await pass();
    expect(await failure(stage.live(canaryReleases, 'cart'))).toMatchObject({ code: 404 });
    await catchUp();
    expect(await pass()).toBeUndefined();
    expect(told).toEqual([`forgotten ${KEY}`]);
  });
});
