import { describe, expect, it } from 'vitest';
import type { Job } from '../api/index.ts';
import { type JobIdentity, jobName, jobOf, jobResult } from './jobs.ts';
import { aRelease } from './testing.ts';

const identity: JobIdentity = {
  attempt: 1,
  revision: 'abc',
  metric: 't/smoke',
  definition: 'd',
  number: 1,
  startedAt: 5,
};

describe("the name of a measurement's Job", () => {
  it('is always the same, and another for each measurement, attempt and definition', () => {
    const names = [
      identity,
      { ...identity, number: 2 },
      { ...identity, attempt: 2 },
      { ...identity, definition: 'e' },
      { ...identity, metric: 't-smoke' },
      { ...identity, startedAt: 6 },
    ].map((one) => jobName(aRelease(), one));
    expect(new Set(names).size).toBe(names.length);
    expect(jobName(aRelease(), { ...identity })).toBe(names[0]);
    expect(names[0]).toMatch(/^reviews-t-smoke-[0-9a-f]{8}$/);
  });

  it('fits a label, however long the names are', () => {
    const long = { ...aRelease(), metadata: { ...aRelease().metadata, name: 'a'.repeat(52) } };
    const name = jobName(long, { ...identity, metric: 'template.with.dots#2/some-metric' });
    expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
    expect(name.length).toBeLessThanOrEqual(63);
  });
});

describe("a measurement's Job", () => {
  const spec = {
    backoffLimit: 2,
    template: {
      metadata: { labels: { team: 'a', 'songbird.dev/release': 'reviews' } },
      spec: { containers: [] },
    },
  };

  it('has pods that no Service of the release selects', () => {
    const job = jobOf(aRelease(), 'j', 'abc', spec);
    expect(job.metadata.labels).toEqual({
      'songbird.dev/analysis': 'reviews',
      'songbird.dev/revision': 'abc',
    });
    expect(job.spec).toEqual({
      backoffLimit: 2,
      ttlSecondsAfterFinished: 3600,
      template: {
        metadata: { labels: { team: 'a', 'songbird.dev/analysis': 'reviews' } },
        spec: { restartPolicy: 'Never', containers: [] },
      },
    });
  });

  it('goes with its release', () => {
    expect(jobOf(aRelease(), 'j', 'abc', spec).metadata.ownerReferences).toMatchObject([
      { kind: 'CanaryRelease', name: 'reviews', controller: true },
    ]);
  });

  it('keeps what it says itself', () => {
    const own = { ttlSecondsAfterFinished: 5, template: { spec: { restartPolicy: 'OnFailure' } } };
    expect(jobOf(aRelease(), 'j', 'abc', own).spec).toMatchObject(own);
  });
});

describe('the result of a Job', () => {
  const ended = (type: string, more = {}, status = 'True'): Job => ({
    ...jobOf(aRelease(), 'j', 'abc', {}),
    status: { conditions: [{ type, status, ...more }] },
  });

  it('is there when it has ended', () => {
    expect(jobResult(jobOf(aRelease(), 'j', 'abc', {}))).toBeUndefined();
    expect(jobResult(ended('Suspended'))).toBeUndefined();
    expect(jobResult(ended('Failed', {}, 'False'))).toBeUndefined();
    expect(jobResult(ended('Complete'))).toEqual({ succeeded: true });
    expect(jobResult(ended('Failed', { reason: 'BackoffLimitExceeded', message: 'it tried' }))).toEqual({
      succeeded: false,
      message: 'Job j failed: BackoffLimitExceeded: it tried',
    });
  });
});
