import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ANNOTATIONS, type Deployment, workloadName } from '../../api/index.ts';
import { releaseCommands } from '../../api/resources.ts';
import { TestCluster, healthy } from '../../controllers/cluster.testing.ts';
import { deployments } from '../../kube/well-known.ts';
import { songbird } from '../shell.testing.ts';
import { htmlOf } from './html.ts';
import { markdownOf, plain } from './markdown.ts';
import type { ReportView } from './view.ts';

let test: TestCluster;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'songbird-report-'));
});
afterAll(() => rm(dir, { recursive: true }));
beforeEach(async () => {
  test = await TestCluster.start();
  await test.operate();
  await test.apply('cart:1');
  await test.until(healthy);
});
afterEach(async () => {
  await test.stop();
});

const cli = (...args: string[]) => songbird({ client: test.admin, clock: test.clock }, 'report', ...args);
const viewOf = async (...args: string[]) =>
  JSON.parse((await cli('cart', ...args, '-o', 'json')).out) as ReportView;

async function order(action: string, revision: string, by: string): Promise<void> {
  await test.admin.create(releaseCommands, {
    apiVersion: 'songbird.dev/v1alpha1',
    kind: 'ReleaseCommand',
    metadata: { namespace: 'shop', name: `${action}-it` },
    spec: { release: 'cart', revision, action, by },
  } as never);
  await test.clock.advance(2000);
}

const STEPS = {
  steps: [
    { weight: 20, for: '30s' },
    { weight: 100, for: '30s' },
  ],
};

/** `cart:2` goes out; it is paused by jane, resumed, turns bad, and comes back. @returns its revision */
async function badRelease(): Promise<string> {
  await test.apply('cart:2', STEPS);
  const { candidateRevision = '' } = await test.until(({ step }) => step?.observedWeight === 20);
  await test.clock.advance(10_000);
  await order('pause', candidateRevision, 'jane');
  await order('resume', candidateRevision, 'joe');
  test.traffic.bad.add('cart:2');
  await test.until(({ phase }) => phase === 'RolledBack');
  await test.clock.advance(5000);
  return candidateRevision;
}

describe('the report of a release that came back', () => {
  it('tells what happened, what was counted, why it failed and who ordered what', async () => {
    const revision = await badRelease();
    const view = await viewOf();
    expect(view).toMatchObject({ name: 'cart', namespace: 'shop', revision, outcome: 'RolledBack' });
    expect(view.orders.map(({ action, by, phase }) => `${action} by ${by ?? ''}: ${phase}`)).toEqual([
      'pause by jane: Executed',
      'resume by joe: Executed',
    ]);
    expect(view.weights.map(({ weight }) => weight)).toEqual([0, 20, 0]);
    const [errors] = view.metrics;
    expect(errors).toMatchObject({ name: 'errors', verdict: 'Fail' });
    expect(errors?.curve.length).toBeGreaterThan(3);
    // The picture reaches the verdict: its evidence is beyond what is needed.
    expect(errors?.curve.at(-1)?.evidence).toBeGreaterThan((errors?.needed ?? 0) - 0.01);
    expect(errors?.curve.at(-1)?.candidate).toBeGreaterThan(0.1);
    const { out } = await cli('cart');
    expect(out).toContain(`# shop/cart, revision ${revision}: rolled back`);
    expect(out).toMatch(/\| errors \| Fail \| \d+ of \d+ \(.*%\) \| 0 of \d+ \(0%\) \|/);
    expect(out).toMatch(/^- \+\S+ pause by jane: paused at 20%$/m);
    expect(out).toMatch(/^- \+\S+ AnalysisFailed: errors: /m);
    expect(out).toMatch(/new version +[▁ ]+.*█/);
  });

  it('is the same for an earlier revision, after others went out and its commands are gone', async () => {
    const revision = await badRelease();
    const before = await viewOf();
    await test.apply('cart:3', STEPS);
    await test.until(({ history }) => history?.[0]?.outcome === 'Promoted', 120);
    await test.clock.advance(3_700_000);
    expect((await test.admin.list(releaseCommands, { namespace: 'shop' })).items).toEqual([]);
    expect((await viewOf()).outcome).toBe('Promoted');
    expect(await viewOf(revision.slice(0, 5))).toEqual(before);
  });

  it('is a page without anything from elsewhere, with words for each picture', async () => {
    await badRelease();
    const file = join(dir, 'report.html');
    const { status, out } = await cli('cart', '--output-file', file);
    expect([status, out]).toEqual([0, file]);
    const page = await readFile(file, 'utf8');
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page).not.toMatch(/<script|<link|<img|<iframe|https?:|url\(|@import|\son\w+=/);
    const pictures = page.match(/<svg[^>]*role="img".*?<\/svg>/g) ?? [];
    expect(pictures).toHaveLength(3);
    for (const picture of pictures) {
      expect(picture).toMatch(/<title id="[\w-]+">[^<]+<\/title><desc id="[\w-]+">[^<]+<\/desc>/);
      expect(picture).toContain('class="mark bad"');
      expect(picture).not.toMatch(/NaN|Infinity|undefined/);
    }
    expect(page).toContain('<caption>errors</caption>');
  });
});

describe('a report', () => {
  it('of the release in progress tells how far it is', async () => {
    await test.apply('cart:2', STEPS);
    await test.until(({ step }) => step?.observedWeight === 20);
    await test.clock.advance(12_000);
    const view = await viewOf();
    expect(view).toMatchObject({ outcome: 'InProgress', weights: [{ weight: 0 }, { weight: 20 }] });
    expect(view.verdictAt).toBeUndefined();
    expect(view.requests).toBeGreaterThan(100);
    expect((await cli('cart')).out).toContain(': in progress');
    expect((await cli('cart', '-o', 'html')).out).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('has what history knows where the Deployment that kept the rest is gone, or keeps another one', async () => {
    const revision = await badRelease();
    const ref = { namespace: 'shop', name: workloadName('cart', revision) };
    const { metadata } = await test.admin.get<Deployment>(deployments, ref);
    const annotate = (text: string) =>
      test.admin.patch(deployments, ref, 'merge', {
        metadata: { annotations: { [ANNOTATIONS.report]: text } },
      });
    const startedAt = metadata.annotations?.[ANNOTATIONS.report]?.split(' ')[0] ?? '';
    await annotate(`${startedAt} bm9uc2Vuc2U=`);
    expect((await viewOf()).missing).toContain('cannot be read');
    await annotate('2029-01-01T00:00:00.000Z x');
    expect((await viewOf()).missing).toContain('the report of another release');
    await test.admin.delete(deployments, ref, {});
    const view = await viewOf();
    expect(view.missing).toContain('is gone; spec.revisionHistoryLimit keeps more');
    expect(view).toMatchObject({ outcome: 'RolledBack', reason: 'AnalysisFailed' });
    expect((await cli('cart', '-o', 'html')).out).toContain('There are no curves: the Deployment');
  });

  it('says what there is instead of what is not there', async () => {
    expect((await cli('cart')).out).toContain('it was the first revision');
    expect((await cli('cart', 'zzz')).errors).toContain(
      'no release of cart is known of a revision zzz; its history has ',
    );
    expect(await cli('card')).toMatchObject({ status: 2 });
    expect((await cli()).errors).toContain('which release?');
    expect((await cli('cart', '-o', 'pdf')).errors).toContain('--output must be html or md or json');
    const unwritable = await cli('cart', '--output-file', join(dir, 'nowhere', 'report.md'));
    expect(unwritable.errors).toContain('cannot write');
  });
});

describe('what people wrote', () => {
  const EVIL = '<script>alert(1)</script> "\'& | `x` [a](javascript:b) *c*\n# d';

  const view: ReportView = {
    name: EVIL,
    namespace: EVIL,
    revision: EVIL,
    version: EVIL,
    stable: EVIL,
    outcome: 'RolledBack',
    reason: EVIL,
    message: EVIL,
    startedAt: '2030-01-01T00:00:00.000Z',
    until: '2030-01-01T00:01:00.000Z',
    verdictAt: '2030-01-01T00:00:50.000Z',
    requests: 10,
    failed: 1,
    weights: [{ at: '2030-01-01T00:00:00.000Z', weight: 5 }],
    events: [{ at: '2030-01-01T00:00:10.000Z', reason: EVIL, message: EVIL }],
    orders: [
      {
        at: '2030-01-01T00:00:20.000Z',
        command: EVIL,
        action: 'abort',
        by: EVIL,
        phase: 'Executed',
        message: EVIL,
      },
    ],
    metrics: [
      {
        name: EVIL,
        verdict: 'Fail',
        message: EVIL,
        candidate: { all: 10, bad: 1 },
        stable: { all: 10, bad: 0 },
        evidence: 3,
        curve: [
          { at: '2030-01-01T00:00:10.000Z', candidate: 0, stable: undefined, evidence: -9 },
          { at: '2030-01-01T00:00:20.000Z', candidate: 0.5, stable: 0, evidence: 3 },
        ],
      },
    ],
    values: [{ name: EVIL, verdict: 'Pass', message: EVIL }],
    missing: undefined,
  };

  it('is text in HTML, wherever it stands', () => {
    const page = htmlOf(view);
    expect(page).not.toContain('<script');
    expect(page).not.toContain('"\'&');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt; &quot;&#39;&amp;');
  });

  it('is text in Markdown, wherever it stands', () => {
    const page = markdownOf(view);
    expect(page).not.toContain('<script');
    expect(page).not.toMatch(/^# d/m);
    expect(page).not.toContain('[a](');
    expect(plain('a | b\nc')).toBe('a \\| b c');
  });
});
