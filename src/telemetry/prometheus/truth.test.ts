import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reading, TelemetryQuery } from '../../analysis/telemetry.ts';
import { bucket, FakePrometheus, prometheusQuery, requests, patientSource } from '../testing/prometheus.ts';
import { reader, sum } from '../testing/readings.ts';

const SECONDS = 240;
const SCRAPE_SECONDS = 15;
const METRICS: TelemetryQuery['metrics'] = [
  { name: 'errors', kind: 'errors' },
  { name: 'slow', kind: 'slow', slowerThanMs: 100 },
];

type Revision = 'old' | 'new';

interface Act {
  readonly second: number;
  readonly pod: number;
  readonly kind: 'serve' | 'fail' | 'slow' | 'restart' | 'miss';
  readonly count: number;
}

interface Pod {
  readonly revision: Revision;
  readonly instance: string;
  readonly phase: number;
  readonly reporter: string;
  counters: Map<string, number>;
  misses: boolean;
}

interface Event {
  readonly time: number;
  readonly revision: Revision;
  readonly reporter: string;
  readonly count: number;
  readonly kind: string;
}

/** Proxies that serve, restart and are scraped, and a record of what really happened. */
class World {
  readonly prometheus = new FakePrometheus();
  readonly events: Event[] = [];
  readonly pods: Pod[];

  constructor(phases: readonly number[]) {
    this.pods = phases.map((phase, i) => ({
      revision: i % 2 === 0 ? 'old' : 'new',
      instance: `10.0.0.${i}:15020`,
      phase,
      reporter: i < 4 ? 'destination' : 'source',
      counters: new Map(),
      misses: false,
    }));
  }

  act({ second, pod: index, kind, count }: Act): void {
    const pod = this.pods[index % this.pods.length]!;
    if (kind === 'restart') pod.counters = new Map();
    if (kind === 'miss') pod.misses = true;
    else {
      const workload = `reviews-${pod.revision}`;
      const add = (series: string, by: number) =>
        pod.counters.set(series, (pod.counters.get(series) ?? 0) + by);
      add(requests(workload, kind === 'fail' ? 503 : 200, { reporter: pod.reporter }), count);
      for (const le of ['100', '1000', '+Inf']) {
        add(bucket(workload, le, pod.reporter), kind === 'slow' && le === '100' ? 0 : count);
      }
      this.events.push({
        time: second * 1000 + 100,
        revision: pod.revision,
        reporter: pod.reporter,
        count,
        kind,
      });
    }
  }

  scrape(second: number): void {
    for (const pod of this.pods) {
      if (second % SCRAPE_SECONDS !== pod.phase) continue;
      this.prometheus.scrape(second * 1000 + 200, pod, pod.misses ? new Map() : pod.counters);
      pod.misses = false;
    }
  }

  /** Lets all be scraped once more, and gives a time by which that is known. */
  settle(): number {
    for (let second = SECONDS; second < SECONDS + SCRAPE_SECONDS; second++) {
      for (const pod of this.pods) pod.misses = false;
      this.scrape(second);
    }
    return (SECONDS + SCRAPE_SECONDS + 5) * 1000;
  }

  /** How many events of a revision happened after a time, and how many of a kind, as the busier side saw them. */
  since(from: number, revision: Revision, kind: string): [number, number] {
    const counts = ['destination', 'source'].map((reporter) => {
      const all = this.events.filter(
        (event) => event.revision === revision && event.reporter === reporter && event.time > from,
      );
      const count = (events: readonly Event[]) => events.reduce((total, event) => total + event.count, 0);
      return [count(all), count(all.filter((event) => event.kind === kind))] as const;
    });
    return [Math.max(...counts.map(([all]) => all)), Math.max(...counts.map(([, bad]) => bad))];
  }
}

const acts = (kinds: readonly Act['kind'][]) =>
  fc.array(
    fc.record({
      second: fc.nat(SECONDS - 1),
      pod: fc.nat(5),
      kind: fc.constantFrom(...kinds),
      count: fc.integer({ min: 1, max: 50 }),
    }),
    { maxLength: 80 },
  );
const phases = fc.array(fc.nat(SCRAPE_SECONDS - 1), { minLength: 6, maxLength: 6 });

function run(world: World, plan: readonly Act[], each: (now: number) => Promise<void>): Promise<void> {
  return Array.from({ length: SECONDS }, (_, second) => second).reduce(async (before, second) => {
    await before;
    for (const act of plan) if (act.second === second) world.act(act);
    world.scrape(second);
    await each(second * 1000 + 500);
  }, Promise.resolve());
}

function expectWithinTruth(reading: Reading, world: World, from: number, freshFrom: number): void {
  if (!reading.ok) throw new Error(reading.message);
  let end = from;
  for (const interval of reading.intervals) {
    expect(interval.from).toBeGreaterThanOrEqual(end);
    expect(interval.to).toBeGreaterThan(interval.from);
    end = interval.to;
    for (const metrics of Object.values(interval.counts)) {
      for (const { all, bad } of Object.values(metrics)) {
        expect(bad).toBeGreaterThanOrEqual(0);
        expect(all).toBeGreaterThanOrEqual(bad);
      }
    }
  }
  for (const revision of ['old', 'new'] as const) {
    for (const [metric, kind] of [
      ['errors', 'fail'],
      ['slow', 'slow'],
    ] as const) {
      const [all, bad] = sum(reading, revision, metric);
      const [trueAll, trueBad] = world.since(revision === 'new' ? freshFrom : from, revision, kind);
      expect(all).toBeLessThanOrEqual(trueAll);
      expect(bad).toBeLessThanOrEqual(trueBad);
    }
  }
}

describe('PrometheusSource against the truth', () => {
  it('never counts more than happened in the window, whatever restarts and fails to be scraped', async () => {
    await fc.assert(
      fc.asyncProperty(
        phases,
        acts(['serve', 'serve', 'fail', 'slow', 'restart', 'miss']),
        fc.integer({ min: 2, max: 30 }),
        async (phase, plan, readEvery) => {
          const world = new World(phase);
          // Known from the beginning, so that little is lost which could hide what is counted too much.
          for (const pod of [0, 2, 4]) world.act({ second: 0, pod, kind: 'serve', count: 1 });
          const source = patientSource(world.prometheus.http);
          const read = (now: number, from: number) =>
            source.read(prometheusQuery(now, { from, metrics: METRICS }));
          await run(world, plan, async (now) => {
            if (Math.floor(now / 1000) % readEvery === 0) await read(now, 0);
          });
          const end = world.settle();
          expectWithinTruth(await read(end, 0), world, 0, 0);
          // Until the first scrape that finds a fresh revision, it is taken for unused: that is what fresh means.
          const found = world.prometheus.firstSample('reviews-new') ?? Infinity;
          for (let from = 10_001; from < end; from += 7000) {
            expectWithinTruth(await read(end, from), world, from, found > from - 30_000 ? 0 : from);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('tells a reader that reads on all that was scraped, each once, though scrapes fail and it starts again', async () => {
    await fc.assert(
      fc.asyncProperty(
        phases,
        acts(['serve', 'fail', 'slow', 'miss']),
        fc.integer({ min: 60, max: 200 }),
        async (phase, plan, restartAt) => {
          const world = new World(phase);
          world.pods.length = 4;
          for (const pod of [0, 2]) world.act({ second: 0, pod, kind: 'serve', count: 1 });
          // After a restart, a proxy of the candidate that never counted before can't be told from one that was hidden.
          const first = [1, 3].map((pod): Act => ({ second: 37, pod, kind: 'serve', count: 1 }));
          let source = patientSource(world.prometheus.http);
          const from = 20_001;
          const read = reader(prometheusQuery(0, { from, metrics: METRICS }));
          // A scrape that fails when the operator starts may hide a proxy from it, which it then has to take for unknown.
          const missed = (second: number) => Math.abs(second - restartAt) < 80 || second < 40;
          const calm = plan.filter(
            (act) => act.second > 36 && act.pod < 4 && !(act.kind === 'miss' && missed(act.second)),
          );
          await run(world, [...first, ...calm], async (now) => {
            if (now === restartAt * 1000 + 500) source = patientSource(world.prometheus.http);
            if (now > from) await read(source, now);
          });
          await read(source, world.settle());
          for (const revision of ['old', 'new'] as const) {
            expect(read.sum(revision)).toEqual(world.since(from, revision, 'fail'));
            expect(read.sum(revision, 'slow')).toEqual(world.since(from, revision, 'slow'));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('counts all that was scraped when nothing fails, and after a restart as much as if it had watched', async () => {
    await fc.assert(
      fc.asyncProperty(phases, acts(['serve', 'fail', 'slow']), async (phase, plan) => {
        const world = new World(phase);
        // Proxies that report from the other side are another story of the same requests.
        world.pods.length = 4;
        // All stable proxies are known before the window begins.
        for (const pod of [0, 2]) world.act({ second: 0, pod, kind: 'serve', count: 1 });
        const from = 20_001;
        const calm = plan.filter((act) => act.pod < 4 && act.second > 36);
        const source = patientSource(world.prometheus.http);
        await run(world, calm, async (now) => {
          if (now > from && now % 2000 < 1000)
            await source.read(prometheusQuery(now, { from, metrics: METRICS }));
        });
        const end = world.settle();
        const watched = await source.read(prometheusQuery(end, { from, metrics: METRICS }));
        const restarted = patientSource(world.prometheus.http);
        const again = await restarted.read(prometheusQuery(end, { from, metrics: METRICS }));
        for (const revision of ['old', 'new'] as const) {
          expect(sum(watched, revision)).toEqual(world.since(from, revision, 'fail'));
          expect(sum(watched, revision, 'slow')).toEqual(world.since(from, revision, 'slow'));
          expect(sum(again, revision)).toEqual(sum(watched, revision));
          expect(sum(again, revision, 'slow')).toEqual(sum(watched, revision, 'slow'));
        }
      }),
      { numRuns: 40 },
    );
  });
});
