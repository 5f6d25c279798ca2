import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canaryReleases, notificationPolicies } from '../../api/resources.ts';
import { events } from '../../kube/well-known.ts';
import type { KubeObject } from '../../kube/types.ts';
import { healthy, manifest } from '../cluster.testing.ts';
import { WRITES } from '../crash.testing.ts';
import { NotifyingWorld, readiness } from './world.testing.ts';

let world: NotifyingWorld;

const slack = {
  name: 'channel',
  slack: { channel: 'C1', tokenSecretRef: { name: 'slack', key: 'token' } },
};
const hook = { name: 'hook', webhook: { url: 'https://hooks.example.com/songbird' } };

beforeEach(async () => {
  world = await NotifyingWorld.start();
  await world.secret('slack', { token: 'xoxb-1\n' });
  await world.operate();
});

afterEach(async () => {
  await world.stop();
});

const firstVersion = async () => {
  await world.test.apply('cart:1');
  await world.test.until(healthy);
  await world.test.clock.advance(5000);
};

/** The texts that a webhook had, by their moments. */
const moments = (to = 'hooks.example.com') => world.services.to(to).map(({ body }) => body['moment']);

/** Reasons of the Events about policies. */
async function reasons(): Promise<string[]> {
  type Event = KubeObject & { reason: string; regarding: { kind: string } };
  const { items } = await world.test.admin.list<Event>(events, { namespace: 'shop' });
  return items.filter(({ regarding }) => regarding.kind === 'NotificationPolicy').map(({ reason }) => reason);
}

describe('a NotificationPolicy', () => {
  it('tells of a release that goes through in one message of Slack, which is updated', async () => {
    await firstVersion();
    await world.policy({ targets: [slack] });
    await world.test.apply('cart:2');
    await world.test.until(({ history }) => history?.[0]?.outcome === 'Promoted');
    await world.test.clock.advance(20_000);

    const { sent, messages } = world.services;
    expect(sent.filter(({ url }) => url.endsWith('chat.postMessage'))).toHaveLength(1);
    expect(sent.filter(({ url }) => url.endsWith('chat.update')).length).toBeGreaterThanOrEqual(2);
    expect(sent.every(({ headers }) => headers['authorization'] === 'Bearer xoxb-1')).toBe(true);
    expect([...messages.values()]).toEqual([
      expect.stringMatching(
        /^\*✅ shop\/cart in eu-1: revision \w+ replaced \w+\*\nerrors: .*\n\d+ requests/,
      ),
    ]);
    const status = await world.statusOf();
    expect(readiness(status)).toBe('True NotificationsReady: messages go to channel');
    expect(status.told).toMatchObject([
      { target: 'channel', release: 'cart', attempt: 2, message: { id: '1.0', channel: 'C1' } },
    ]);
    expect(world.errors).toEqual([]);
  });

  it('tells a webhook of each moment that it asks for, once, with the verdict in its numbers', async () => {
    await firstVersion();
    await world.policy({ on: ['started', 'rolledBack'], targets: [hook] });
    world.test.traffic.bad.add('cart:2');
    await world.test.apply('cart:2');
    await world.test.until(({ phase }) => phase === 'RolledBack', 30);
    await world.test.clock.advance(120_000);

    expect(moments()).toEqual(['started', 'rolledBack']);
    const [started, rolledBack] = world.services.to('hooks.example.com');
    expect(rolledBack?.body).toMatchObject({
      type: 'dev.songbird.release.rolledback',
      cluster: 'eu-1',
      release: { namespace: 'shop', name: 'cart' },
      reason: 'AnalysisFailed',
      verdict: expect.stringMatching(/^errors: \d+ of \d+ on the candidate.*evidence/) as string,
    });
    expect(rolledBack?.body['id']).not.toBe(started?.body['id']);
    expect(rolledBack?.headers['idempotency-key']).toBe(rolledBack?.body['id']);
  });

  it('neither repeats nor skips a message when the operator starts again', async () => {
    await firstVersion();
    await world.policy({ targets: [hook, slack] });
    await world.test.apply('cart:2');
    await world.test.until(({ step }) => step?.observedWeight === 20);
    await world.restart();
    await world.test.until(({ step }) => step?.observedWeight === 60);
    await world.stop();
    // Nobody tells of what happens while nobody is there: it is told later.
    await world.operate();
    await world.test.until(({ history }) => history?.[0]?.outcome === 'Promoted');
    await world.restart();
    await world.restart();
    await world.test.clock.advance(60_000);

    expect(moments()).toEqual(['started', 'promoted']);
    expect([...world.services.messages.values()]).toEqual([expect.stringContaining('replaced')]);
  });

  it('repeats a message that was delivered and could not be noted, and says by its id that it is the same', async () => {
    await firstVersion();
    await world.policy({ on: ['promoted'], targets: [hook] });
    let isLost = false;
    world.test.cluster.intercept({
      before: ({ verb, plural, user }) => {
        if (isLost || verb !== 'update' || plural !== 'notificationpolicies') return undefined;
        isLost = true;
        world.kill(user);
        return new Promise<void>(() => undefined);
      },
    });
    await world.test.apply('cart:2');
    await world.test.until(() => isLost);
    await world.operate();
    await world.test.clock.advance(30_000);
    expect(moments()).toEqual(['promoted', 'promoted']);
    const ids = world.services.sent.map(({ headers }) => headers['idempotency-key']);
    expect(new Set(ids).size).toBe(1);
  });

  it('is told by whoever leads alone, and the next one goes on from there', async () => {
    await world.stop();
    await world.operate(true);
    await world.operate(true);
    await world.test.clock.advance(20_000);
    await firstVersion();
    await world.policy({ targets: [hook] });
    await world.test.apply('cart:2');
    await world.test.until(({ step }) => step?.observedWeight === 20);
    const had = moments();
    world.kill('songbird-2');
    await world.test.until(({ history }) => history?.[0]?.outcome === 'Promoted', 120);
    await world.test.clock.advance(10_000);
    expect(had).toEqual(['started']);
    expect(moments()).toEqual(['started', 'promoted']);
  });

  it('gives up what could not be told for a day, and says so', async () => {
    await firstVersion();
    await world.policy({ on: ['promoted'], targets: [hook] });
    world.services.answer = () => ({ status: 500 });
    await world.test.apply('cart:2');
    await world.test.until(() => world.services.sent.length > 0);
    await world.stop();
    await world.test.clock.advance(25 * 3_600_000);
    world.services.answer = () => undefined;
    world.services.sent.length = 0;
    await world.operate();
    await world.test.clock.advance(60_000);
    expect(world.services.sent).toEqual([]);
    expect(await reasons()).toContain('NotificationDropped');
    const text = await world.metrics.registry.metrics();
    expect(text).toContain('songbird_notifications_total{service="webhook",result="dropped"} 1');
    expect(text).toContain('songbird_notifications_waiting 0');
  });

  it('that is deleted has nobody told any more', async () => {
    await firstVersion();
    await world.policy({ targets: [hook] });
    world.services.answer = () => ({ status: 500 });
    await world.test.apply('cart:2');
    await world.test.until(() => world.services.sent.length > 0);
    await world.test.admin.delete(notificationPolicies, { namespace: 'shop', name: 'team' });
    await world.test.clock.advance(1000);
    const tries = world.services.sent.length;
    await world.test.clock.advance(600_000);
    expect(world.services.sent).toHaveLength(tries);
    expect(world.errors).toEqual([]);
  });

  it('writes nothing and asks nobody at rest', async () => {
    await firstVersion();
    await world.policy({ targets: [hook, slack] });
    await world.test.apply('cart:2');
    await world.test.until(healthy);
    await world.test.clock.advance(60_000);
    const writes: string[] = [];
    const reads: string[] = [];
    world.test.cluster.intercept({
      after: ({ user, verb, plural }) => {
        if (!user.startsWith('songbird')) return;
        if (WRITES.has(verb)) writes.push(`${verb} ${plural}`);
        if (plural === 'secrets' || (plural === 'notificationpolicies' && verb === 'get')) reads.push(plural);
      },
    });
    const told = world.services.sent.length;
    await world.test.clock.advance(3_600_000);
    expect(writes).toEqual([]);
    expect(reads).toEqual([]);
    expect(world.services.sent).toHaveLength(told);
  });

  it('never holds up a release while its target hangs, and tells of how it stands when the target is back', async () => {
    await firstVersion();
    const took = async (image: string) => {
      const from = world.test.clock.now();
      await world.test.apply(image);
      await world.test.until(({ history, stableRevision }) => {
        const [last] = history ?? [];
        return (
          last?.outcome === 'Promoted' &&
          last.revision === stableRevision &&
          Date.parse(last.startedAt) >= from
        );
      });
      return world.test.clock.now() - from;
    };
    const alone = await took('cart:2');
    world.services.answer = () => new Promise(() => undefined);
    await world.policy({ targets: [hook] });
    expect(await took('cart:3')).toBe(alone);
    expect(await took('cart:4')).toBe(alone);
    await world.test.clock.advance(30_000);
    expect(readiness(await world.statusOf())).toBe(
      'False DeliveryFailed: target hook: hooks.example.com does not answer within 10 s; it is tried again',
    );

    world.services.answer = () => undefined;
    world.services.sent.length = 0;
    await world.test.clock.advance(180_000);
    expect(moments()).toEqual(['promoted']);
    const { stableRevision } = await world.test.status();
    expect(world.services.sent[0]?.body).toMatchObject({ revision: { new: stableRevision } });
    expect(readiness(await world.statusOf())).toBe('True NotificationsReady: messages go to hook');
  });

  it('is not Ready while a Secret is missing, and goes on once it is there', async () => {
    await firstVersion();
    await world.policy({
      targets: [{ name: 'teams', teams: { urlSecretRef: { name: 'teams', key: 'url' } } }],
    });
    expect(readiness(await world.statusOf())).toBe(
      'False SecretUnreadable: Secret teams does not exist in namespace shop: make it',
    );
    await world.test.apply('cart:2');
    await world.test.until(({ history }) => history?.[0]?.outcome === 'Promoted');
    expect(world.services.sent).toEqual([]);
    await world.secret('teams', { url: 'https://flows.example.com/invoke?sig=secret' });
    await world.test.clock.advance(120_000);
    expect(world.services.to('flows.example.com')).toHaveLength(1);
    const status = await world.statusOf();
    expect(readiness(status)).toBe('True NotificationsReady: messages go to teams');
    expect(JSON.stringify(status)).not.toContain('sig=secret');
  });

  it('says what a service refuses, and tells all once that is mended', async () => {
    await firstVersion();
    await world.policy({ targets: [slack] });
    world.services.answer = () => ({ body: JSON.stringify({ ok: false, error: 'not_in_channel' }) });
    await world.test.apply('cart:2');
    await world.test.until(({ history }) => history?.[0]?.outcome === 'Promoted');
    expect(readiness(await world.statusOf())).toBe(
      'False DeliveryRefused: target channel: Slack answers not_in_channel: look at the token, its scope chat:write, and the channel',
    );
    world.services.answer = () => undefined;
    await world.policy({ targets: [{ ...slack, slack: { ...slack.slack, channel: 'C2' } }] });
    await world.test.clock.advance(5000);
    expect([...world.services.messages.values()]).toEqual([expect.stringContaining('replaced')]);
    expect(await reasons()).toEqual(['DeliveryRefused']);
  });

  it('posts anew when the message to update was deleted', async () => {
    await firstVersion();
    await world.policy({ targets: [slack] });
    await world.test.apply('cart:2');
    await world.test.until(({ step }) => step?.observedWeight === 20);
    await world.test.clock.advance(1000);
    world.services.messages.clear();
    await world.test.until(({ history }) => history?.[0]?.outcome === 'Promoted');
    await world.test.clock.advance(20_000);
    expect([...world.services.messages.values()]).toEqual([expect.stringContaining('replaced')]);
  });

  it('waits as long as a service asks it to', async () => {
    await firstVersion();
    await world.policy({ on: ['promoted'], targets: [hook] });
    world.services.answer = () => ({ status: 429, retryAfter: '90' });
    await world.test.apply('cart:2');
    await world.test.until(() => world.services.sent.length === 1);
    world.services.answer = () => undefined;
    await world.test.clock.advance(80_000);
    expect(world.services.sent).toHaveLength(1);
    await world.test.clock.advance(15_000);
    expect(moments()).toEqual(['promoted', 'promoted']);
    const [first, second] = world.services.sent;
    expect(second?.body['id']).toBe(first?.body['id']);
  });

  it('tells of the releases that it names, and of nothing from before it was made', async () => {
    await firstVersion();
    await world.policy({ targets: [hook], releases: { selector: { matchLabels: { tier: 'shop' } } } });
    await world.test.apply('cart:2');
    await world.test.until(({ history }) => history?.[0]?.outcome === 'Promoted');
    await world.test.clock.advance(5000);
    expect(world.services.sent).toEqual([]);
    await world.test.admin.patch(
      canaryReleases,
      { namespace: 'shop', name: 'cart' },
      'merge',
      { metadata: { labels: { tier: 'shop' } } },
      { fieldManager: 'admin' },
    );
    await world.test.apply('cart:3');
    await world.test.until(({ attempt }) => attempt?.number === 3);
    await world.test.until(healthy);
    await world.test.clock.advance(5000);
    expect(new Set(world.services.sent.map(({ body }) => body['attempt']))).not.toContain(1);
    expect(moments().slice(-2)).toEqual(['started', 'promoted']);
  });

  it('tells of a release that is held up for a minute, not of one that waits for a moment', async () => {
    await firstVersion();
    await world.policy({ targets: [hook] });
    await world.test.apply('cart:2', { traffic: { istio: { hosts: ['nowhere'] } } });
    await world.test.until(({ conditions }) => conditions?.some(({ type }) => type === 'Stalled') === true);
    await world.test.clock.advance(30_000);
    expect(world.services.sent).toEqual([]);
    await world.test.clock.advance(40_000);
    expect(moments()).toEqual(['held']);
    expect(world.services.sent[0]?.body).toMatchObject({ reason: 'HostNotFound' });
    await world.test.clock.advance(600_000);
    expect(world.services.sent).toHaveLength(1);
  });

  it('of many releases at once sends no flood to one target', async () => {
    await firstVersion();
    await world.policy({ targets: [hook] });
    for (let i = 0; i < 20; i++) {
      const { spec } = manifest('cart:1', {
        service: { name: `shop-${i}`, port: 80, portName: 'http' },
        traffic: { istio: { hosts: [`shop-${i}`] } },
      });
      await world.test.admin.create(canaryReleases, {
        apiVersion: 'songbird.dev/v1alpha1',
        kind: 'CanaryRelease',
        metadata: { name: `shop-${i}`, namespace: 'shop' },
        spec,
      } as KubeObject);
    }
    await world.test.clock.advance(120_000);
    const times = world.services.sent.map(({ at }) => at);
    expect(times).toHaveLength(20);
    const most = Math.max(
      ...times.map((from) => times.filter((at) => at >= from && at < from + 10_000).length),
    );
    expect(most).toBeLessThanOrEqual(11);
  });
});

describe('a cluster without the kind', () => {
  it('has releases all the same', async () => {
    await world.stop();
    world = await NotifyingWorld.start((crd) => crd.startsWith('notificationpolicies'));
    await world.operate();
    await world.test.apply('cart:1');
    await world.test.until(healthy);
    expect(world.errors).toEqual([]);
  });
});
