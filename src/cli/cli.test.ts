import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { slowerThan } from './latency.ts';
import { cumulative, curve } from './plot.ts';
import { songbird as runLine } from './shell.testing.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/reviews.yaml');

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'songbird-cli-'));
});
afterAll(() => rm(dir, { recursive: true }));

const songbird = (...args: string[]) => onTerminal(undefined, ...args);

const onTerminal = (columns: number | undefined, ...args: string[]) => runLine({ columns }, ...args);

async function file(content: string): Promise<string> {
  const path = join(dir, 'release.yaml');
  await writeFile(path, content);
  return path;
}

/** The example with other lines in its analysis. */
async function analysing(analysis: string): Promise<string> {
  const example = await readFile(EXAMPLE, 'utf8');
  return file(example.replace(/^  analysis:\n(    .*\n)+/m, `  analysis: ${analysis}\n`));
}

interface Report {
  readonly release: string;
  readonly notPlayed: string[];
  readonly good: { promoted: { count: number }; steps: { weight: number; passedAfter: number }[] };
  readonly bad: {
    rolledBack: { count: number };
    rolledBackAfter: { p50: number };
    bad: Record<string, number>;
  };
  readonly advice: string[];
}

describe('songbird simulate', () => {
  const quick = ['--runs', '20'];

  it('says how a release will go', async () => {
    const args = ['-f', EXAMPLE, ...quick, '--bad-ratio', '100', '--latency', '40ms/300ms'];
    const { status, out } = await songbird('simulate', ...args);
    expect(status).toBe(0);
    expect(out).toMatch(/reviews: 5% for 2m → 40% for 5m → 60% for 5m → 100%/);
    expect(out).toMatch(/60% has passed after 12m/);
    expect(out).toMatch(/promoted: 20 of 20/);
    expect(out).toMatch(/is taken back after/);
    expect(out).toMatch(/100% │/);
  });

  it('says the same as JSON, for the same seed', async () => {
    const report = async (seed: string) =>
      (await songbird('simulate', '-f', EXAMPLE, ...quick, '--seed', seed, '--bad-ratio', '100', '--json'))
        .out;
    const first = JSON.parse(await report('5')) as Report;
    expect(first.release).toBe('reviews');
    expect(first.good.promoted.count).toBe(20);
    expect(first.good.steps.map(({ weight }) => weight)).toEqual([5, 40, 60, 100]);
    expect(first.bad.rolledBack.count).toBe(20);
    expect(first.bad.bad['errors']).toBeGreaterThan(0);
    expect(first.advice).toEqual([]);
    expect(await report('5')).toBe(JSON.stringify(first));
    expect(await report('6')).not.toBe(JSON.stringify(first));
  });

  it('with too few requests ends with 1, and says what would help', async () => {
    const { status, out } = await songbird('simulate', '-f', EXAMPLE, ...quick, '--rps', '0.2');
    expect(status).toBe(1);
    expect(out).toMatch(/100% has never passed/);
    expect(out).toMatch(/None of 20 .* goes out: 50 requests at 5% take 1h24m on average, .* after 12m\./);
    expect(out).toMatch(
      /To mend it, give the first step 47% or more, or set progressDeadline to 1h49m or more, or/,
    );
  });

  it('with requests that seldom suffice says how few go out, and advice that helps', async () => {
    const rps = ['--rps', '1.2'];
    const path = await analysing('{ errorRate: { max: 1% } }');
    const { status, out } = await songbird('simulate', '-f', path, '--runs', '20', ...rps);
    expect(status).toBe(1);
    expect(out).toMatch(/5% has passed after \S+, in \d of 20$/m);
    expect(out).toMatch(/^Only \d+ of 20 versions .* go out: 50 requests at 5% take 14m on average/m);
    const [, weight, deadline, requests] =
      /^To mend it, give the first step (\d+)% .* progressDeadline to (\w+) .*minRequests to (\d+) or less\.$/m.exec(
        out,
      ) ?? [];
    const example = await readFile(path, 'utf8');
    for (const helped of [
      example.replace('weight: 5,', `weight: ${weight},`),
      example.replace('  analysis:', `  progressDeadline: ${deadline}\n  analysis:`),
      example.replace('{ errorRate', `{ minRequests: ${requests}, errorRate`),
    ]) {
      expect(helped).not.toBe(example);
      const then = await songbird('simulate', '-f', await file(helped), '--runs', '6', ...rps);
      expect(then.errors).toBe('');
      expect([then.status, then.out]).toEqual([0, expect.stringMatching(/promoted: [56] of 6/)]);
    }
  });

  it('with a bad version that is never found out ends with 1, and says what to change', async () => {
    const analysis = await readFile(await analysing('{ errorRate: { max: 50% } }'), 'utf8');
    const path = await file(
      analysis.replace(/^  steps:\n(    .*\n)+/m, '  steps: [{ weight: 100, for: 1m }]\n'),
    );
    const { status, out } = await songbird('simulate', '-f', path, ...quick);
    expect(status).toBe(1);
    expect(out).toMatch(/None of 20 versions .* is found out: errors of 1% are 30 bad events in the whole/);
    expect(out).toMatch(/Begin with a step below 100%/);
    const one = await songbird('simulate', '-f', path, '--runs', '1');
    expect([one.status, one.out]).toEqual([0, expect.not.stringMatching(/found out/)]);
  });

  it('does not speak of all releases after very few', async () => {
    const few = await songbird('simulate', '-f', EXAMPLE, '--runs', '1', '--bad-ratio', '100');
    expect(few.status).toBe(0);
    expect(few.out).toMatch(/promoted: 1 of 1/);
    expect(few.out).not.toMatch(/None of|Only|No version/);
    expect(few.out).toMatch(/From 1 release it cannot be told whether most good versions would go out/);
  });

  it('counts a release that pauses without a verdict among the undecided', async () => {
    const path = await analysing('{ onInconclusive: pause, errorRate: { max: 1% } }');
    const args = ['simulate', '-f', path, '--runs', '5', '--rps', '0.5'];
    const { status, out } = await songbird(...args);
    expect(status).toBe(1);
    expect(out.match(/undecided, and paused for a person: 5 of 5/g)).toHaveLength(2);
    expect(out).toMatch(/such as: no verdict at 5%/);
  });

  it('does not play a latency that nobody knows, and refuses where nothing else is left', async () => {
    const args = ['simulate', '-f', EXAMPLE, ...quick, '--error-rate', '0%'];
    const { status, out } = await songbird(...args);
    expect(status).toBe(1);
    expect(out).toMatch(/^Not played, .*: latency-p99\. To play it, give --latency P50\/P99/m);
    expect(out).toMatch(/rolled back: 0 of 20/);
    expect(out).not.toMatch(/too slow/);
    const report = JSON.parse((await songbird(...args, '--json')).out) as Report;
    expect(report.notPlayed).toEqual(['latency-p99']);
    const none = await songbird('simulate', '-f', await analysing('{ latency: { p99: 500ms } }'), ...quick);
    expect(none.status).toBe(2);
    expect(none.errors).toMatch(/only latency-p99 can be played .*: give --latency P50\/P99/);
  });

  it('draws no wider than the terminal', async () => {
    const args = ['simulate', '-f', EXAMPLE, ...quick, '--bad-ratio', '100'];
    const widest = (text: string) =>
      Math.max(...text.split('\n').flatMap((line) => (/[│└]/.test(line) ? [line.length] : [])));
    expect(widest((await onTerminal(40, ...args)).out)).toBeLessThanOrEqual(40);
    expect(widest((await songbird(...args)).out)).toBeGreaterThan(60);
  });

  it('with limits that the service breaks today ends with 1', async () => {
    const { status, out } = await songbird('simulate', '-f', EXAMPLE, ...quick, '--error-rate', '5%');
    expect(status).toBe(1);
    expect(out).toMatch(/Set limits above what the service does today/);
  });

  it('says what of the analysis is not played, and refuses where nothing else is left', async () => {
    const wanted = '{ kind: ClusterAnalysisTemplate, name: checkout-conversion }';
    const some = await songbird(
      'simulate',
      '-f',
      await analysing(`{ errorRate: {}, templates: [${wanted}] }`),
      ...quick,
    );
    expect(some.status).toBe(0);
    expect(some.out).toMatch(/Not played, .*: ClusterAnalysisTemplate checkout-conversion/);
    const none = await songbird('simulate', '-f', await analysing(`{ templates: [${wanted}] }`), ...quick);
    expect(none.status).toBe(2);
    expect(none.errors).toMatch(/only analysis.errorRate and analysis.latency can be played/);
  });

  it('plays the delays of a Prometheus where the manifest counts by it', async () => {
    const example = await readFile(EXAMPLE, 'utf8');
    const path = await file(
      example.replace(
        '  analysis:\n',
        '  analysis:\n    source: prometheus\n    prometheus: { address: http://prometheus:9090 }\n',
      ),
    );
    const after = async (...args: string[]) => {
      const all = [
        'simulate',
        '-f',
        path,
        ...quick,
        '--rps',
        '1000',
        '--bad-ratio',
        '100',
        '--json',
        ...args,
      ];
      const { out } = await songbird(...all);
      return (JSON.parse(out) as Report).bad.rolledBackAfter.p50;
    };
    expect(await after()).toBeGreaterThan(5);
    expect(await after('--scrape', '1m')).toBeGreaterThan(1.5 * (await after()));
  });

  it.each([
    [['simulate'], /give the manifest/],
    [['simulate', '-f', 'no/such/file.yaml'], /cannot read no\/such\/file.yaml/],
    [['simulate', '-f', EXAMPLE, '--rps', 'many'], /--rps must be a number above 0, not "many"/],
    [['simulate', '-f', EXAMPLE, '--error-rate', '0.1'], /--error-rate must be a percentage/],
    [['simulate', '-f', EXAMPLE, '--latency', '300ms'], /median and the 99th percentile/],
    [
      ['simulate', '-f', EXAMPLE, '--release', 'ratings'],
      /no CanaryRelease called ratings; it holds reviews/,
    ],
    [['simulate', '-f', EXAMPLE, '--steps', '3'], /Unknown option/],
    [['sing'], /there is no command sing/],
  ])('%j is refused in a sentence', async (args, sentence) => {
    const { status, errors } = await songbird(...args);
    expect(status).toBe(2);
    expect(errors).toMatch(sentence);
  });

  it('names what is wrong with the manifest, by the rules of the CRD', async () => {
    const path = await file(
      'apiVersion: songbird.dev/v1alpha1\nkind: CanaryRelease\nmetadata: {name: shop}\nspec: {steps: [{weight: 50}]}\n',
    );
    const { status, errors } = await songbird('simulate', '-f', path);
    expect(status).toBe(2);
    expect(errors).toMatch(/shop cannot work/);
    expect(errors).toMatch(/spec.steps must end at 100/);
    expect(errors).toMatch(/spec.template is missing/);
  });

  it('tells of a file that is no YAML, and of one without a release', async () => {
    expect((await songbird('simulate', '-f', await file('a: [b'))).errors).toMatch(/is no YAML/);
    const other = await file('apiVersion: v1\nkind: Service\n');
    expect((await songbird('simulate', '-f', other)).errors).toMatch(/holds no CanaryRelease/);
  });
});

describe('help', () => {
  it.each([[[]], [['--help']], [['simulate', '--help']]])('%j', async (args) => {
    const { status, out } = await songbird(...args);
    expect(status).toBe(0);
    expect(out).toMatch(/songbird/);
  });
});

describe('a reader that goes away', () => {
  it('ends it quietly', async () => {
    const main = join(import.meta.dirname, 'main.ts');
    const child = spawn(process.execPath, [main, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    const [errors] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect([child.exitCode, errors]).toEqual([141, '']);
  });
});

describe('parts', () => {
  it('latency: half is slower than the median, one in a hundred than the 99th percentile', () => {
    const latency = { p50Ms: 40, p99Ms: 300 };
    expect(slowerThan(40, latency)).toBeCloseTo(0.5, 6);
    expect(slowerThan(300, latency)).toBeCloseTo(0.01, 5);
    expect(slowerThan(20, latency)).toBeGreaterThan(0.7);
  });

  it('a curve', () => {
    expect(curve([0, 0.25, 0.5, 1], 2, '0', '9')).toEqual([
      '100% │   █',
      '  0% │ ▄██',
      '     └────',
      '      0  9',
    ]);
    expect(cumulative([1, 5], 4, 8, 4)).toEqual([0.25, 0.25, 0.5, 0.5]);
  });
});
