import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestCluster, healthy } from '../controllers/cluster.testing.ts';
import { releaseCommands } from '../api/resources.ts';
import { events, leases, namespaces } from '../kube/well-known.ts';
import type { KubeObject } from '../kube/types.ts';
import { type Ran, songbird } from './shell.testing.ts';

let test: TestCluster;
/** Of the first version and the second one. */
let stable: string;
let candidate: string;

beforeEach(async () => {
  test = await TestCluster.start();
});

afterEach(async () => {
  await test.stop();
});

const cli = (...args: string[]): Promise<Ran> => on(undefined, ...args);
const on = (columns: number | undefined, ...args: string[]): Promise<Ran> =>
  songbird({ client: test.admin, clock: test.clock, columns }, ...args);

/** What a command comes to that waits for something, while time goes on. */
async function within(seconds: number, running: Promise<Ran>): Promise<Ran> {
  await test.clock.advance(seconds * 1000);
  return running;
}

/** `cart:1` serves, and `cart:2` has had 20% for 3 s. */
async function midway(): Promise<void> {
  await test.operate();
  await test.apply('cart:1');
  stable = (await test.until(healthy)).stableRevision ?? '';
  await test.apply('cart:2');
  const status = await test.until(({ step }) => step?.observedWeight === 20);
  candidate = status.candidateRevision ?? '';
  await test.clock.advance(3000);
}

describe('get', () => {
  it('lists releases with their place and their sentence, as wide as there is room', async () => {
    await midway();
    const { out } = await cli('get');
    expect(out).toContain('NAME   PHASE         STEP   WEIGHT   AGE   MESSAGE');
    expect(out).toContain('20% for 5s: errors: 40 of the 50 requests that a verdict needs');
    const narrow = await on(60, 'get');
    expect(narrow.out.split('\n').every((line) => line.length <= 60)).toBe(true);
    expect(narrow.out).toContain('…');
    expect((await cli('get', '-o', 'wide')).out).toContain(`${stable}   ${candidate}`);
    expect((await cli('-n', 'shop', 'get', 'canaryrelease/cart', '-o', 'name')).out).toBe(
      'canaryrelease.songbird.dev/cart',
    );
  });

  it('gives the objects themselves as JSON and YAML', async () => {
    await midway();
    const json = JSON.parse((await cli('get', 'cart', '-o', 'json')).out) as KubeObject;
    expect(json).toMatchObject({ kind: 'CanaryRelease', status: { candidateRevision: candidate } });
    expect((await cli('get', '-o', 'yaml')).out).toContain('kind: CanaryRelease');
    await test.admin.patch(
      {
        group: 'songbird.dev',
        version: 'v1alpha1',
        plural: 'canaryreleases',
        kind: 'CanaryRelease',
        namespaced: true,
      },
      { namespace: 'shop', name: 'cart' },
      'merge',
      { metadata: { labels: { a: 'b' } } },
    );
    expect((await cli('get', '-A')).out).toMatch(/^NAMESPACE +NAME .*\nshop +cart /);
  });

  it('says what there is instead of what is not there', async () => {
    expect(await cli('get')).toMatchObject({ status: 0, out: '' });
    await midway();
    expect((await cli('status', 'card')).errors).toBe(
      'there is no CanaryRelease card in namespace shop; it has cart',
    );
    expect((await cli('get', '-n', 'elsewhere')).errors).toContain(
      'there is no CanaryRelease in namespace elsewhere',
    );
    expect(await cli('get', '-o', 'table')).toMatchObject({ status: 2 });
  });

  it('says that Songbird is not installed', async () => {
    await test.stop();
    test = await TestCluster.start(() => true);
    expect(await cli('get')).toMatchObject({ status: 2 });
    expect((await cli('get')).errors).toContain('install Songbird first');
  });
});

describe('status', () => {
  it('shows a release at a glance, within the terminal', async () => {
    await midway();
    for (const columns of [80, 40]) {
      const { out } = await on(columns, 'status', 'cart');
      expect(out.split('\n').every((line) => line.length <= columns)).toBe(true);
      expect(out).toMatch(/^shop\/cart +Progressing\n/);
      expect(out).toContain('20% ▸ 3s of 5s   60%   100%');
      expect(out).toContain('0 of 40');
    }
  });

  it('shows the release that was taken back, and what serves', async () => {
    await midway();
    test.traffic.bad.add('cart:2');
    await test.until(({ phase }) => phase === 'RolledBack');
    const { out } = await on(80, 'status', 'cart');
    expect(out).toContain(`revision ${stable} serves`);
    expect(out).toContain(`last release: ${candidate} was rolled back`);
  });

  it('draws it anew as it goes, and adds curves of both sides', async () => {
    await midway();
    const stopping = new AbortController();
    const options = { client: test.admin, clock: test.clock, columns: 80, stopping: stopping.signal };
    const watching = songbird(options, 'status', 'cart', '-w');
    await test.clock.advance(8000);
    stopping.abort();
    const { drawn, status } = await watching;
    expect(status).toBe(0);
    expect(drawn.length).toBeGreaterThanOrEqual(8);
    expect(drawn[0]).toContain('20% ▸');
    expect(drawn.at(-1)).toContain('20% ✔   60% ✔   100% ▸');
    expect(drawn.at(-1)).toMatch(/▁▁/);
  });

  it('tells a pipeline how a release ended', async () => {
    await midway();
    const good = cli('status', 'cart', '--wait', '--timeout', '2m');
    expect(await within(60, good)).toMatchObject({ status: 0 });
    await test.apply('cart:3');
    test.traffic.bad.add('cart:3');
    const bad = await within(60, cli('status', 'cart', '--wait'));
    expect(bad.status).toBe(3);
    expect(bad.errors).toContain('was rolled back: errors:');
    await test.apply('cart:4', { steps: [{ weight: 10, for: '1h' }, { weight: 100 }] });
    expect(await within(60, cli('status', 'cart', '--wait', '--timeout', '30s'))).toMatchObject({
      status: 4,
    });
  });

  it('does not wait for what only a person can mend', async () => {
    await midway();
    await test.apply('cart:2', { traffic: { istio: { hosts: ['nowhere'] } } });
    test.traffic.bad.add('cart:2');
    const ended = await within(60, cli('status', 'cart', '--wait', '--timeout', '50s'));
    expect([1, 3, 4]).toContain(ended.status);
    expect(ended.errors).not.toBe('');
  });
});

describe('why', () => {
  it('tells the verdict in numbers, what happened, and what to do', async () => {
    await midway();
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'cart.1', namespace: 'shop' },
      eventTime: '2030-01-01T00:00:01.000000Z',
      reportingController: 'songbird.dev/operator',
      reportingInstance: 'one',
      action: 'Reconcile',
      type: 'Normal',
      reason: 'Progressing',
      note: 'revision 1 serves 20% of the traffic',
      regarding: {
        apiVersion: 'songbird.dev/v1alpha1',
        kind: 'CanaryRelease',
        name: 'cart',
        namespace: 'shop',
      },
    };
    await test.admin.create(events, event);
    test.traffic.bad.add('cart:2');
    await test.until(({ phase }) => phase === 'RolledBack');
    const { out } = await cli('why', 'cart');
    expect(out).toMatch(
      new RegExp(`^Revision ${candidate} of cart was rolled back \\d+s ago \\(AnalysisFailed\\)`),
    );
    expect(out).toContain('errors: Fail');
    expect(out).toMatch(/evidence of harm: .*; a rollback takes 100:1/);
    expect(out).toContain('Progressing: revision 1 serves 20% of the traffic');
    expect(out).toContain('kubectl songbird retry cart -n shop');
  });
});

describe('an order', () => {
  it('is made for the candidate, and waited for until it is executed', async () => {
    await midway();
    expect(await within(2, cli('pause', 'cart'))).toMatchObject({ status: 0, out: 'paused at 20%' });
    const again = await within(2, cli('pause', 'cart'));
    expect(again.status).toBe(1);
    expect(again.errors).toContain('refused: already paused');
    expect(await within(2, cli('resume', 'cart'))).toMatchObject({ status: 0, out: 'goes on from 20%' });
    expect(await within(2, cli('promote', 'cart', '--full'))).toMatchObject({ status: 0 });
    await test.until(({ stableRevision }) => stableRevision === candidate);
    const { items } = await test.admin.list<KubeObject & { spec: { action: string } }>(releaseCommands, {
      namespace: 'shop',
    });
    expect(items.map(({ spec }) => spec.action).sort()).toEqual(['pause', 'pause', 'promoteFull', 'resume']);
  });

  it('takes a release back, tries it again, and returns to what was before', async () => {
    await midway();
    expect(await within(2, cli('abort', 'cart'))).toMatchObject({ status: 0 });
    await test.until(({ phase }) => phase === 'RolledBack');
    expect(await within(2, cli('retry', 'cart'))).toMatchObject({ status: 0 });
    await test.until(({ stableRevision }) => stableRevision === candidate);
    const back = await within(2, cli('rollback-to', 'cart', stable.slice(0, 4)));
    expect(back).toMatchObject({ status: 0, out: `returning to revision ${stable}` });
  });

  it('that nobody can execute is not made, with what there is instead', async () => {
    await midway();
    expect((await cli('retry', 'cart')).errors).toBe('no revision of cart was rolled back');
    expect((await cli('rollback-to', 'cart', 'zzz')).errors).toContain(
      'there is no earlier revision zzz: cart has none',
    );
    expect((await cli('rollback-to', 'cart')).errors).toContain('to which revision?');
    expect((await cli('abort')).errors).toContain('which release?');
    await within(3, cli('abort', 'cart'));
    expect((await cli('abort', 'cart')).errors).toContain('no release of cart is in progress');
    const { items } = await test.admin.list(releaseCommands, { namespace: 'shop' });
    expect(items).toHaveLength(1);
  });

  it('without an operator is not waited for longer than wanted, and stays', async () => {
    await midway();
    await test.stop();
    const waiting = await within(20, cli('abort', 'cart', '--timeout', '10s'));
    expect(waiting.status).toBe(4);
    expect(waiting.errors).toContain('is the operator running?');
    expect((await cli('abort', 'cart', '--no-wait')).out).toMatch(
      /^releasecommand.songbird.dev\/cart-abort-.* created$/,
    );
  });
});

describe('diff', () => {
  it('tells what differs between two revisions, and nothing of what Songbird adds', async () => {
    await midway();
    const { status, out } = await cli('diff', stable, candidate.slice(0, 5));
    expect(status).toBe(1);
    const lines = out.split('\n');
    expect(lines.slice(0, 2)).toEqual([`--- ${stable}`, `+++ ${candidate}`]);
    expect(lines.filter((line) => /^[-+] /.test(line))).toEqual([
      expect.stringMatching(/^- .*image: cart:1$/),
      expect.stringMatching(/^\+ .*image: cart:2$/),
    ]);
    expect(await cli('diff', stable, stable)).toMatchObject({ status: 0 });
    expect((await cli('diff', stable, 'zzz')).errors).toContain(`there are`);
    expect(await cli('diff', stable)).toMatchObject({ status: 2 });
  });
});

describe('doctor', () => {
  it('says what is there, what is missing, and how to mend it', async () => {
    await midway();
    const { status, out } = await cli('doctor');
    expect(status).toBe(1);
    expect(out).toContain('✔ the CRD canaryreleases.songbird.dev serves v1alpha1');
    expect(out).toContain('✔ the CRD virtualservices.networking.istio.io serves v1');
    expect(out).toContain('? nobody has ever held the lease songbird-system/songbird');
    expect(out).toContain('✔ Service cart has port 80, which Istio takes for http');
    expect(out).toMatch(/✘ \d+ of \d+ pods of cart have no sidecar/);
    const json = JSON.parse((await cli('doctor', 'cart', '-o', 'json')).out) as { about: string }[];
    expect(json.map(({ about }) => about)).toEqual(['cluster', 'shop/cart']);
  });

  it('misses Istio, and an operator that leads', async () => {
    await test.stop();
    test = await TestCluster.start((crd) => crd.startsWith('virtualservices'));
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'songbird', namespace: 'songbird-system' },
      spec: { holderIdentity: 'one', renewTime: '2029-12-31T00:00:00.000000Z', leaseDurationSeconds: 15 },
    };
    await test.admin.create(namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'songbird-system' },
    });
    await test.admin.create(leases, lease);
    const { out } = await cli('doctor');
    expect(out).toContain('✘ the CRD virtualservices.networking.istio.io is missing');
    expect(out).toContain('→ install Istio');
    expect(out).toContain('✘ no operator leads');
  });
});

describe('completion', () => {
  it('knows commands, options, releases, revisions and namespaces', async () => {
    await midway();
    const words = async (...line: string[]) => (await cli('__complete', ...line)).out.split('\n');
    expect(await words('pro')).toEqual(['promote', ':4']);
    expect(await words('abort', '')).toEqual(['cart', ':4']);
    expect(await words('status', '--w')).toEqual(['--watch', '--wait', ':4']);
    expect(await words('diff', candidate.slice(0, 3))).toEqual([candidate, ':4']);
    expect(await words('get', '-n', 'sh')).toEqual(['shop', ':4']);
    expect(await words('lint', '-f', '')).toEqual([':0']);
    expect((await songbird({}, '__complete', 'abort', '')).out).toBe(':4');
    expect((await cli('completion', 'bash')).out).toContain('complete -F');
    expect(await cli('completion', 'csh')).toMatchObject({ status: 2 });
  });
});

describe('history', () => {
  it('tells of the last releases', async () => {
    await midway();
    await within(2, cli('abort', 'cart'));
    await test.until(({ phase }) => phase === 'RolledBack');
    const lines = (await cli('history', 'cart')).out.split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[1]).toMatch(new RegExp(`${candidate} .*RolledBack`));
    expect(JSON.parse((await cli('history', 'cart', '-o', 'json')).out)).toHaveLength(2);
  });
});
