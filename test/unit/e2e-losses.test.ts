import { describe, expect, it } from 'vitest';
import { NEWS_MS, tellApart } from '../e2e/chaos/losses.ts';
import type { Failure } from '../e2e/harness/load.ts';
import type { FailedRequest } from '../e2e/harness/mesh.ts';

const NOW = Date.UTC(2030, 0, 1);

function failure(id: string, change: Partial<Failure> = {}): Failure {
  return { id, sentAt: NOW, at: NOW + 5, status: '503', version: '', said: 'no healthy upstream', ...change };
}

/** What the gateway says of a request that it sent, or would have sent, to a subset. */
function logged(id: string, subset: string): FailedRequest {
  const cluster = `outbound|9080|${subset}|shop`;
  return { id, time: '', status: 503, flags: 'UH', cluster, subset, upstream: '' };
}

const NO_FAULTS = { blows: [], outages: [] };

describe('a request that failed was lost', () => {
  it('by the version whose code answered, whatever else was broken', () => {
    const faults = {
      blows: [{ revision: 'one', at: NOW }],
      outages: [{ what: 'gateway', from: NOW, until: NOW + 10 }],
    };
    expect(tellApart([failure('a', { version: 'v2', status: '500' })], [logged('a', 'two')], faults)).toEqual(
      {
        lostByVersion: 1,
        lostByMachinery: 0,
        lostByOutage: {},
        lostByBlow: 0,
        newsMs: 0,
        samples: [],
      },
    );
  });

  it('by the version whose pods had just died, and no longer once that must be known', () => {
    const faults = { blows: [{ revision: 'one', at: NOW }], outages: [] };
    const at = (ms: number) => ({ at: NOW + ms });
    const failures = [
      failure('before', at(-1)),
      failure('soon', at(300)),
      failure('last', at(NEWS_MS)),
      failure('late', at(NEWS_MS + 1)),
      failure('other', at(300)),
    ];
    const log = [...failures.slice(0, 4).map(({ id }) => logged(id, 'one')), logged('other', 'two')];
    expect(tellApart(failures, log, faults)).toMatchObject({
      lostByVersion: 2,
      lostByBlow: 2,
      newsMs: NEWS_MS,
      lostByMachinery: 3,
    });
  });

  it('by an outage while which it was under way', () => {
    const faults = { blows: [], outages: [{ what: 'no gateway', from: NOW, until: NOW + 100 }] };
    const failures = [
      failure('ended before', { sentAt: NOW - 20, at: NOW - 10 }),
      failure('broken by it', { sentAt: NOW - 20, at: NOW }),
      failure('met it', { sentAt: NOW + 100, at: NOW + 101 }),
      failure('sent after', { sentAt: NOW + 101, at: NOW + 102 }),
    ];
    expect(tellApart(failures, [], faults)).toMatchObject({
      lostByOutage: { 'no gateway': 2 },
      lostByMachinery: 2,
    });
  });

  it('by the machinery in every other case, and it says how', () => {
    const failures = [failure('a'), failure('b', { status: 'error', said: 'ECONNRESET' })];
    const { lostByMachinery, samples } = tellApart(failures, [logged('a', 'two')], NO_FAULTS);
    expect(lostByMachinery).toBe(2);
    expect(samples).toEqual([
      '2030-01-01T00:00:00.005Z 503 no healthy upstream (outbound|9080|two|shop UH )',
      '2030-01-01T00:00:00.005Z error ECONNRESET (the gateway knows nothing of it)',
    ]);
  });
});
