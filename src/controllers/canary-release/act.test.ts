import { beforeEach, describe, expect, it } from 'vitest';
import type { Effect } from '../../core/model.ts';
import type { KubeObject, ResourceType } from '../../kube/types.ts';
import { deployments, destinationRules, services, virtualServices } from '../../kube/well-known.ts';
import { manifest } from '../cluster.testing.ts';
import { canaryReleases } from '../../api/resources.ts';
import { Stage, failure } from './act.testing.ts';
import { RefusedWrite } from './act.ts';
import { isStale } from './controller.ts';

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.set();
});

const of = (name: string) => ({ namespace: 'shop', name });

describe('the status', () => {
  it('is written over the version that was decided on, and waited for', async () => {
    const { release } = await stage.see();
    await stage.actor.writeStatus(release, { phase: 'Healthy' }, {});
    expect(stage.sent).toMatchObject([
      {
        verb: 'update',
        plural: 'canaryreleases',
        subresource: 'status',
        options: { fieldManager: 'songbird' },
      },
    ]);
    expect(stage.sent[0]?.body).toMatchObject({
      metadata: { resourceVersion: release.metadata.resourceVersion },
    });
    const now = await stage.live(canaryReleases, 'cart');
    expect(now).toMatchObject({ status: { phase: 'Healthy' } });
    expect([stage.waitsWith(release), stage.waitsWith(now)]).toEqual([true, false]);
  });

  it('is not written over another version: 409, and nobody waits', async () => {
    const { release } = await stage.see();
    await stage.admin.patch(canaryReleases, of('cart'), 'merge', { metadata: { annotations: { a: 'b' } } });
    const error = await failure(stage.actor.writeStatus(release, { phase: 'Healthy' }, {}));
    expect(error).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(isStale(error)).toBe(true);
    expect(stage.waitsWith()).toBe(false);
  });

  it('is not written to a release of the same name that came later', async () => {
    const { release } = await stage.see();
    await stage.admin.delete(canaryReleases, of('cart'));
    await stage.admin.create(canaryReleases, manifest('cart:1'));
    expect(isStale(await failure(stage.actor.writeStatus(release, { phase: 'Healthy' }, {})))).toBe(true);
    expect(await stage.live(canaryReleases, 'cart')).not.toHaveProperty('status.phase');
  });
});

describe('the version that was decided on', () => {
  it('is confirmed while it is the present one, and no longer', async () => {
    const { release } = await stage.see();
    await stage.actor.confirm(release);
    await stage.admin.patch(canaryReleases, of('cart'), 'merge', { metadata: { annotations: { a: 'b' } } });
    expect(isStale(await failure(stage.actor.confirm(release)))).toBe(true);
    await stage.admin.delete(canaryReleases, of('cart'));
    expect(isStale(await failure(stage.actor.confirm(release)))).toBe(true);
  });
});

describe('the finalizer', () => {
  it('joins those of others, and leaves by itself', async () => {
    await stage.admin.patch(canaryReleases, of('cart'), 'merge', {
      metadata: { finalizers: ['example.com/keep'] },
    });
    const before = await stage.see();
    await stage.perform({ kind: 'addFinalizer' }, before);
    expect((await stage.live(canaryReleases, 'cart')).metadata.finalizers).toEqual([
      'example.com/keep',
      'songbird.dev/traffic',
    ]);
    expect(stage.sent).toMatchObject([
      { verb: 'patch', patchKind: 'merge', options: { fieldManager: 'songbird' } },
    ]);
    const { uid, resourceVersion } = before.release.metadata;
    expect(stage.sent[0]?.body).toMatchObject({ metadata: { uid, resourceVersion } });
    await stage.perform({ kind: 'removeFinalizer' });
    expect((await stage.live(canaryReleases, 'cart')).metadata.finalizers).toEqual(['example.com/keep']);
  });

  it('does not overwrite a finalizer that came meanwhile', async () => {
    const before = await stage.see();
    await stage.admin.patch(canaryReleases, of('cart'), 'merge', {
      metadata: { finalizers: ['example.com/keep'] },
    });
    expect(await failure(stage.perform({ kind: 'addFinalizer' }, before))).toMatchObject({ code: 409 });
    expect((await stage.live(canaryReleases, 'cart')).metadata.finalizers).toEqual(['example.com/keep']);
  });

  it('of a release that is going lets it go, and passes wait until it is gone', async () => {
    await stage.perform({ kind: 'addFinalizer' });
    await stage.admin.delete(canaryReleases, of('cart'));
    const last = await stage.see();
    expect(last.observed.deleting).toBe(true);
    await stage.perform({ kind: 'removeFinalizer' }, last);
    expect(await failure(stage.live(canaryReleases, 'cart'))).toMatchObject({ code: 404 });
    expect(
      stage.waitsWith({
        ...last.release,
        metadata: { ...last.release.metadata, deletionTimestamp: undefined! },
      }),
    ).toBe(true);
    expect(stage.waitsWith(undefined)).toBe(false);
  });

  it('of an object that cannot be understood goes, too', async () => {
    await stage.perform({ kind: 'addFinalizer' });
    await stage.actor.letGo(await stage.live(canaryReleases, 'cart'));
    expect((await stage.live(canaryReleases, 'cart')).metadata.finalizers).toBeUndefined();
  });
});

describe('applying an object of its own', () => {
  it('makes it where there is none, without force', async () => {
    await stage.perform({ kind: 'applyService' });
    expect(stage.sent.map(({ verb }) => verb)).toEqual(['get', 'patch']);
    expect(stage.sent[1]).toMatchObject({
      plural: 'services',
      name: 'cart',
      patchKind: 'apply',
      options: { fieldManager: 'songbird', force: false, urgent: false },
    });
    const made = await stage.live(services, 'cart');
    expect(made).toMatchObject({
      metadata: {
        labels: { 'songbird.dev/release': 'cart' },
        ownerReferences: [{ kind: 'CanaryRelease', name: 'cart' }],
      },
      spec: { selector: { 'songbird.dev/release': 'cart' }, ports: [{ name: 'http', port: 80 }] },
    });
    expect([stage.waitsWith(undefined), stage.waitsWith(made)]).toEqual([true, false]);
  });

  it('corrects it with force, over the version just read, and leaves fields of others alone', async () => {
    await stage.perform({ kind: 'applyService' });
    await stage.admin.patch(services, of('cart'), 'merge', {
      metadata: { annotations: { 'example.com/note': 'mine' } },
      spec: { selector: { 'songbird.dev/release': 'other' }, sessionAffinity: 'ClientIP' },
    });
    const { resourceVersion } = (await stage.live(services, 'cart')).metadata;
    stage.sent.length = 0;
    await stage.perform({ kind: 'applyService' });
    expect(stage.sent[1]).toMatchObject({
      options: { force: true },
      body: { metadata: { resourceVersion } },
    });
    expect(await stage.live(services, 'cart')).toMatchObject({
      metadata: { annotations: { 'example.com/note': 'mine' } },
      spec: { selector: { 'songbird.dev/release': 'cart' }, sessionAffinity: 'ClientIP' },
    });
  });

  it.each<[string, ResourceType, Effect]>([
    ['Service', services, { kind: 'applyService' }],
    [
      'DestinationRule',
      destinationRules,
      { kind: 'route', weights: { one: 100 }, subsets: ['one'], weightsOnly: false, urgent: false },
    ],
  ])('never takes over a %s of someone else, also one that no cache shows', async (kind, type, effect) => {
    const foreign: KubeObject & { spec: unknown } = {
      apiVersion: type.group === '' ? 'v1' : 'networking.istio.io/v1',
      kind,
      metadata: of('cart'),
      spec: kind === 'Service' ? { ports: [{ port: 9 }] } : { host: 'elsewhere' },
    };
    await stage.admin.create(type, foreign);
    const before = await stage.live(type, 'cart');
    const error = await failure(stage.perform(effect, await stage.see([type])));
    expect(error).toBeInstanceOf(RefusedWrite);
    expect(error).toMatchObject({
      problem: {
        reason: 'NameConflict',
        message: `${kind} cart exists and does not belong to CanaryRelease cart: delete or rename it`,
      },
    });
    expect(stage.written()).toEqual([]);
    expect(await stage.live(type, 'cart')).toEqual(before);
  });

  it('never takes over one that someone makes in between', async () => {
    const foreign: KubeObject & { spec: unknown } = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: of('cart'),
      spec: { selector: { app: 'theirs' }, ports: [{ port: 9 }] },
    };
    stage.meanwhile = async () => {
      await stage.admin.create(services, foreign);
    };
    expect(isStale(await failure(stage.perform({ kind: 'applyService' })))).toBe(true);
    expect(await stage.live(services, 'cart')).toMatchObject({ spec: { selector: { app: 'theirs' } } });
    expect(stage.waitsWith(undefined)).toBe(false);
    // And the next pass sees it for what it is
    expect(await failure(stage.perform({ kind: 'applyService' }))).toMatchObject({
      problem: { reason: 'NameConflict' },
    });
  });

  it('does nothing to one that changes in between', async () => {
    await stage.perform({ kind: 'applyService' });
    stage.meanwhile = async () => {
      await stage.admin.patch(services, of('cart'), 'merge', { spec: { selector: { app: 'x' } } });
    };
    expect(isStale(await failure(stage.perform({ kind: 'applyService' })))).toBe(true);
    expect(await stage.live(services, 'cart')).toMatchObject({ spec: { selector: { app: 'x' } } });
  });

  it('is urgent where weight is taken from a candidate', async () => {
    const route = { kind: 'route', subsets: ['one', 'two'], weightsOnly: false } as const;
    await stage.perform({ ...route, weights: { one: 60, two: 40 }, urgent: false });
    await stage.perform({ ...route, weights: { one: 60, two: 40 }, urgent: false });
    stage.sent.length = 0;
    await stage.perform({ ...route, weights: { one: 100 }, urgent: true });
    expect(stage.written()).toMatchObject([{ plural: 'virtualservices', options: { urgent: true } }]);
    expect(await stage.live(virtualServices, 'cart')).toMatchObject({
      spec: { http: [{ route: [{ destination: { host: 'cart', subset: 'one' }, weight: 100 }] }] },
    });
  });

  it('writes nothing where the routes are as they should be', async () => {
    const route = {
      kind: 'route',
      weights: { one: 100 },
      subsets: ['one'],
      weightsOnly: false,
      urgent: false,
    } as const;
    await stage.perform(route);
    await stage.perform(route);
    stage.sent.length = 0;
    await stage.perform(route);
    expect(stage.sent).toEqual([]);
  });
});

describe('a Deployment', () => {
  const apply: Effect = { kind: 'applyDeployment', revision: 'one', replicas: 2 };
  const scale: Effect = { kind: 'scaleDeployment', revision: 'one', replicas: 5 };
  const remove: Effect = { kind: 'deleteDeployment', revision: 'one' };

  it('is made with its revision, scaled by its replicas alone, and deleted with its pods', async () => {
    await stage.perform(apply);
    expect(await stage.live(deployments, 'cart-one')).toMatchObject({
      metadata: { labels: { 'songbird.dev/revision': 'one' } },
      spec: { replicas: 2, template: { spec: { containers: [{ image: 'cart:1' }] } } },
    });
    const made = await stage.see();
    stage.sent.length = 0;
    await stage.perform(scale, made);
    const { uid, resourceVersion } = made.deployments['one']!.metadata;
    expect(stage.sent).toMatchObject([
      {
        verb: 'patch',
        patchKind: 'merge',
        name: 'cart-one',
        body: { metadata: { uid, resourceVersion }, spec: { replicas: 5 } },
        options: { fieldManager: 'songbird' },
      },
    ]);
    const scaled = await stage.see();
    expect([made, scaled].map(({ deployments: seen }) => stage.waitsWith(seen['one']))).toEqual([
      true,
      false,
    ]);
    stage.sent.length = 0;
    await stage.perform(remove, scaled);
    const current = scaled.deployments['one']!.metadata;
    expect(stage.sent).toMatchObject([
      {
        verb: 'delete',
        options: {
          propagationPolicy: 'Background',
          preconditions: { uid: current.uid, resourceVersion: current.resourceVersion },
        },
      },
    ]);
    expect(await failure(stage.live(deployments, 'cart-one'))).toMatchObject({ code: 404 });
    expect([stage.waitsWith(scaled.deployments['one']), stage.waitsWith(undefined)]).toEqual([true, false]);
  });

  it.each([
    ['scaled', scale],
    ['deleted', remove],
  ])('that changed since it was seen is not %s', async (_what, effect) => {
    await stage.perform(apply);
    const seen = await stage.see();
    await stage.admin.patch(deployments, of('cart-one'), 'merge', { spec: { replicas: 3 } });
    expect(await failure(stage.perform(effect, seen))).toMatchObject({ code: 409 });
    expect(await stage.live(deployments, 'cart-one')).toMatchObject({ spec: { replicas: 3 } });
  });

  it.each([
    ['scaled', scale],
    ['deleted', remove],
  ])('of the same name that came later is not %s', async (_what, effect) => {
    await stage.perform(apply);
    const seen = await stage.see();
    await stage.admin.delete(deployments, of('cart-one'));
    await stage.perform(apply);
    expect(isStale(await failure(stage.perform(effect, seen)))).toBe(true);
    expect(await stage.live(deployments, 'cart-one')).toMatchObject({ spec: { replicas: 2 } });
  });

  it('that is gone already need not be deleted, and cannot be scaled', async () => {
    await stage.perform(apply);
    const seen = await stage.see();
    await stage.admin.delete(deployments, of('cart-one'));
    await stage.perform(remove, seen);
    expect(isStale(await failure(stage.perform(scale, seen)))).toBe(true);
    // And of one that no pass has seen nothing is sent
    stage.sent.length = 0;
    await stage.perform(remove);
    await stage.perform(scale);
    expect(stage.sent).toEqual([]);
  });
});

describe('a fresh baseline', () => {
  const apply: Effect = { kind: 'applyBaseline', revision: 'one', attempt: 2, replicas: 1 };
  const name = 'cart-one-baseline-2';

  it('is made from the live stable Deployment, scaled, corrected, and deleted with its pods', async () => {
    await stage.perform({ kind: 'applyDeployment', revision: 'one', replicas: 2 });
    const image = [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'cart:0' }];
    await stage.admin.patch(deployments, of('cart-one'), 'json', image);
    await stage.perform(apply);
    const template = { spec: { containers: [{ image: 'cart:0' }] } };
    expect(await stage.live(deployments, name)).toMatchObject({ spec: { replicas: 1, template } });
    await stage.admin.patch(deployments, of(name), 'merge', { spec: { replicas: 9 } });
    await stage.perform({ ...apply, replicas: 3 });
    expect(await stage.live(deployments, name)).toMatchObject({ spec: { replicas: 3, template } });
    const seen = await stage.see();
    expect(seen.observed.baselines).toMatchObject({ [name]: { revision: 'one', drifted: false } });
    expect(stage.waitsWith(seen.baselines[name]?.deployment)).toBe(false);
    stage.sent.length = 0;
    await stage.perform({ kind: 'deleteBaseline', name }, seen);
    const { uid, resourceVersion } = seen.baselines[name]!.deployment.metadata;
    const preconditions = { uid, resourceVersion };
    expect(stage.sent).toMatchObject([
      { verb: 'delete', name, options: { propagationPolicy: 'Background', preconditions } },
    ]);
    expect(await failure(stage.live(deployments, name))).toMatchObject({ code: 404 });
  });

  it('is not made from nothing', async () => {
    await stage.perform(apply);
    expect(stage.sent).toEqual([]);
  });

  it('is named when the API server refuses it', async () => {
    await stage.perform({ kind: 'applyDeployment', revision: 'one', replicas: 2 });
    const refused = await failure(stage.perform({ ...apply, replicas: -1 }));
    expect(refused).toMatchObject({ name: 'RefusedWrite', problem: { reason: 'ApiWriteFailed' } });
    expect(String(refused)).toContain(`applyBaseline ${name} was refused as invalid`);
  });
});

it('routes go before the subsets that they name', async () => {
  const route = {
    kind: 'route',
    weights: { one: 100 },
    subsets: ['one'],
    weightsOnly: false,
    urgent: false,
  } as const;
  await stage.perform(route);
  await stage.perform(route);
  stage.sent.length = 0;
  for (let i = 0; i < 3; i++) await stage.perform({ kind: 'unroute' });
  expect(stage.sent.map(({ verb, plural }) => `${verb} ${plural}`)).toEqual([
    'delete virtualservices',
    'delete destinationrules',
  ]);
});
