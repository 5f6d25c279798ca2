import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventMetric, Reading, Target, TelemetryQuery } from '../../analysis/telemetry.ts';
import type { Http } from '../http.ts';
import { fakeHttp } from '../testing/http.ts';
import { reader, sum } from '../testing/readings.ts';
import { ProxiesSource } from './source.ts';

const METRICS: readonly EventMetric[] = [
  { name: 'errors', kind: 'errors' },
  { name: 'slow', kind: 'slow', slowerThanMs: 100 },
];

const SEED = Number(process.env['SEED'] ?? 1);

type Kind =
  | ('serve' | 'fail' | 'slow' | 'restart')
  | ('down' | 'up' | 'unready' | 'ready' | 'late' | 'leave' | 'join' | 'operator');

interface Act {
  readonly kind: Kind;
  readonly pod: number;
  readonly count: number;
  /** Time that passes after it, in ms; the release is read at its end. */
  readonly ms: number;
}

interface Pod {
  readonly revision: 'old' | 'new';
  readonly ip: string;
  codes: Record<string, number>;
  fast: number;
  all: number;
  down: boolean;
  ready: boolean;
  /** What it answers while it is not ready comes only after the next act. */
  late: boolean;
  /** Whether the pod was made yet, and whether it is among the targets. */
  made: boolean;
  listed: boolean;
  /** A pod that runs is listed, ready or not: one that an operator does not find at its start is gone, or yet to come. */
  gone: boolean;
}

class World {
  now = 1_000_000;
  readonly events: { time: number; revision: string; kind: Kind; count: number }[] = [];
  readonly pods: Pod[] = Array.from({ length: 6 }, (_, i) => ({
    revision: i % 2 === 0 ? 'old' : 'new',
    ip: `10.0.0.${i}`,
    codes: {},
    fast: 0,
    all: 0,
    down: false,
    ready: true,
    late: false,
    made: i < 4,
    listed: i < 4,
    gone: false,
  }));

  readonly #prompt = fakeHttp(({ url }) => {
    const pod = this.#at(url);
    return pod === undefined || pod.down ? undefined : { body: print(pod) };
  });
  #nextAct = Promise.withResolvers<undefined>();

  readonly http: Http = async (request) => {
    const pod = this.#at(request.url);
    const nextAct = this.#nextAct.promise;
    const answer = await this.#prompt(request);
    if (pod?.ready === false && pod.late) await nextAct;
    return answer;
  };

  #at(url: string): Pod | undefined {
    return this.pods.find(({ ip }) => url.includes(ip));
  }

  async act({ kind, pod: index, count }: Act): Promise<void> {
    this.#nextAct.resolve(undefined);
    this.#nextAct = Promise.withResolvers();
    // Late answers come now.
    await new Promise(setImmediate);
    const pod = this.pods[index % this.pods.length]!;
    // Requests follow a restart, so that it shows as a lower count and not only as none.
    if (kind === 'restart') Object.assign(pod, { codes: {}, fast: 0, all: 0 });
    if (kind === 'down' || kind === 'up') pod.down = kind === 'down';
    else if (kind === 'unready' || kind === 'ready') pod.ready = kind === 'ready';
    else if (kind === 'late') pod.late = !pod.late;
    else if (kind === 'leave') pod.listed = false;
    else if (kind === 'join') pod.made = pod.listed = !pod.gone;
    else if (kind === 'operator') for (const one of this.pods) one.gone ||= one.made && !one.listed;
    else if (pod.made) {
      const code = kind === 'fail' ? '503' : '200';
      pod.codes[code] = (pod.codes[code] ?? 0) + count;
      pod.all += count;
      if (kind !== 'slow') pod.fast += count;
      this.events.push({ time: this.now, revision: pod.revision, kind, count });
    }
  }

  targets(): Target[] {
    return ['old', 'new'].map((revision) => ({
      revision,
      workload: `reviews-${revision}`,
      fresh: revision === 'new',
      pods: this.pods
        .filter((pod) => pod.revision === revision && pod.listed)
        .map(({ ip, ready }) => ({ name: ip, uid: ip, ip, statsPort: 15090, ready })),
    }));
  }

  query(from: number): TelemetryQuery {
    const targets = this.targets();
    return { namespace: 'bookinfo', release: 'reviews', metrics: METRICS, targets, from, now: this.now };
  }

  since(from: number, revision: string, kind: Kind): [number, number] {
    const all = this.events.filter((event) => event.revision === revision && event.time > from);
    const count = (events: { count: number }[]) => events.reduce((total, event) => total + event.count, 0);
    return [count(all), count(all.filter((event) => event.kind === kind))];
  }
}

function print({ codes, fast, all }: Pod): string {
  const labels = 'reporter="destination",source_workload="web"';
  const requests = Object.entries(codes).map(
    ([code, n]) => `istio_requests_total{${labels},response_code="${code}",grpc_response_status=""} ${n}`,
  );
  const durations = [
    ['100', fast],
    ['1000', all],
    ['+Inf', all],
  ].map(([le, n]) => `istio_request_duration_milliseconds_bucket{${labels},le="${le ?? ''}"} ${n ?? ''}`);
  return [...requests, ...(all > 0 ? durations : []), 'envoy_server_live{} 1', ''].join('\n');
}

function expectSound(reading: Reading, world: World, from: number): void {
  if (!reading.ok) {
    expect(reading.code).toBe('TelemetryUnreachable');
    return;
  }
  let end = from;
  for (const interval of reading.intervals) {
    expect(interval.from).toBeGreaterThanOrEqual(end);
    expect(interval.to).toBeGreaterThan(interval.from);
    end = interval.to;
    for (const { all, bad } of Object.values(interval.counts).flatMap((counts) => Object.values(counts))) {
      expect(bad).toBeGreaterThanOrEqual(0);
      expect(all).toBeGreaterThanOrEqual(bad);
    }
  }
  for (const revision of ['old', 'new']) {
    const through = reading.completeThrough[revision];
    if (through !== undefined) expect(through).toBeLessThanOrEqual(world.now);
    for (const [metric, kind] of [
      ['errors', 'fail'],
      ['slow', 'slow'],
    ] as const) {
      const [all, bad] = sum(reading, revision, metric);
      const [trueAll, trueBad] = world.since(from, revision, kind);
      expect(all).toBeLessThanOrEqual(trueAll);
      expect(bad).toBeLessThanOrEqual(trueBad);
    }
  }
}

const acts = (kinds: readonly Kind[]) =>
  fc.array(
    fc.record({
      kind: fc.constantFrom(...kinds),
      pod: fc.constantFrom(0, 0, 0, 1, 1, 1, 2, 3, 4, 5),
      count: fc.integer({ min: 1, max: 50 }),
      ms: fc.constantFrom(1, 100, 500, 1000, 2500),
    }),
    { minLength: 1, maxLength: 60 },
  );

describe('ProxiesSource against the truth', () => {
  it('never counts more than happened in the window, whatever restarts, hides, comes and goes', async () => {
    const kinds: Kind[] = [
      ...(['serve', 'serve', 'serve', 'fail', 'fail', 'slow', 'slow', 'restart', 'restart'] as const),
      ...(['down', 'up', 'unready', 'unready', 'ready', 'late', 'leave', 'join', 'operator'] as const),
    ];
    await fc.assert(
      fc.asyncProperty(acts(kinds), fc.nat(60_000), async (plan, offset) => {
        const world = new World();
        // Not where a reading ended: from there one would read on.
        const windows = [world.now, world.now + offset + 0.5];
        let source = new ProxiesSource(world.http);
        const readAll = async () => {
          for (const from of windows) expectSound(await source.read(world.query(from)), world, from);
        };
        await readAll();
        for (const act of plan) {
          world.now++;
          await world.act(act);
          if (act.kind === 'operator') source = new ProxiesSource(world.http);
          world.now += act.ms;
          await readAll();
        }
      }),
      { seed: SEED, numRuns: 150 },
    );
  });

  it('counts all that happened when all pods answer, new ones from their first request', async () => {
    await fc.assert(
      fc.asyncProperty(acts(['serve', 'fail', 'slow', 'join', 'unready', 'ready', 'late']), async (plan) => {
        const world = new World();
        const source = new ProxiesSource(world.http);
        const read = () => source.read(world.query(1_000_000));
        await read();
        for (const act of plan) {
          world.now += act.ms;
          // Of the pods that come later, only the candidate's can be told from one that was hidden.
          await world.act(act.pod === 4 ? { ...act, pod: 5 } : act);
          await read();
        }
        for (const pod of world.pods) pod.ready = true;
        world.now += 1000;
        const reading = await read();
        for (const revision of ['old', 'new']) {
          expect(sum(reading, revision)).toEqual(world.since(1_000_000, revision, 'fail'));
          expect(sum(reading, revision, 'slow')).toEqual(world.since(1_000_000, revision, 'slow'));
          expect(reading).toMatchObject({ completeThrough: { [revision]: world.now } });
        }
      }),
      { seed: SEED, numRuns: 100 },
    );
  });

  it('tells a reader that reads on all that happened, each once, though pods hide or are not ready for a while', async () => {
    const kinds: Kind[] = [
      ...(['serve', 'serve', 'serve', 'fail', 'slow'] as const),
      ...(['down', 'up', 'unready', 'unready', 'ready', 'late'] as const),
    ];
    await fc.assert(
      fc.asyncProperty(acts(kinds), async (plan) => {
        const world = new World();
        const source = new ProxiesSource(world.http);
        const from = world.now;
        const readOn = reader(world.query(from));
        const read = () => readOn(source, world.now, { targets: world.targets() });
        await read();
        for (const act of plan) {
          world.now += act.ms;
          await world.act(act);
          await read();
        }
        for (const pod of world.pods) Object.assign(pod, { down: false, ready: true });
        world.now += 1000;
        await read();
        for (const revision of ['old', 'new']) {
          expect(readOn.sum(revision)).toEqual(world.since(from, revision, 'fail'));
          expect(readOn.sum(revision, 'slow')).toEqual(world.since(from, revision, 'slow'));
        }
      }),
      { seed: SEED, numRuns: 150 },
    );
  });
});
