import { createHash } from 'node:crypto';
import { type CanaryRelease, type Job, LABELS, ownerRefOf } from '../api/index.ts';

/** Most characters that the name of a Job may have: its pods carry it as a label. */
const LONGEST_NAME = 63;
const HASH = 8;
/** How long a Job that has ended stays for its logs to be read, unless it says itself (s). */
const KEPT_SECONDS = 3600;

/** What makes one measurement unlike any other of this release. */
export interface JobIdentity {
  readonly attempt: number;
  readonly revision: string;
  readonly metric: string;
  readonly definition: string;
  readonly number: number;
  /** When it begins (ms since the epoch). */
  readonly startedAt: number;
}

/**
 * The name of a measurement's Job. It is in status before the Job is there, so that one measurement never runs twice, and
 * no other has it, so that none is told by the Job of another.
 */
export function jobName({ metadata }: CanaryRelease, identity: JobIdentity): string {
  const { attempt, revision, metric, definition, number, startedAt } = identity;
  const hash = createHash('sha256')
    .update(JSON.stringify([metadata.uid, attempt, revision, metric, definition, number, startedAt]))
    .digest('hex')
    .slice(0, HASH);
  const readable = `${metadata.name}-${metric}`.replace(/[^a-z0-9]+/g, '-');
  return `${readable.slice(0, LONGEST_NAME - HASH - 1).replace(/-+$/, '')}-${hash}`;
}

/**
 * The Job of one measurement, whole, as it is to be applied. Its pods must not be taken for pods of the release: they have
 * none of its labels.
 * @param spec a JobSpec with its placeholders filled in
 */
export function jobOf(
  release: CanaryRelease,
  name: string,
  revision: string,
  spec: Readonly<Record<string, unknown>>,
): Job {
  const template = record(spec['template']);
  const metadata = record(template['metadata']);
  const foreign = Object.entries(record(metadata['labels'])).filter(
    ([label]) => !label.startsWith('songbird.dev/'),
  );
  const analysis = { [LABELS.analysis]: release.metadata.name };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      namespace: release.metadata.namespace ?? '',
      labels: { ...analysis, [LABELS.revision]: revision },
      ownerReferences: [ownerRefOf(release)],
    },
    spec: {
      ttlSecondsAfterFinished: KEPT_SECONDS,
      ...spec,
      template: {
        ...template,
        metadata: { ...metadata, labels: { ...Object.fromEntries(foreign), ...analysis } },
        spec: { restartPolicy: 'Never', ...record(template['spec']) },
      },
    },
  };
}

/** How a Job ended; undefined while it runs. */
export function jobResult(job: Job): { succeeded: boolean; message?: string } | undefined {
  const ended = (job.status?.conditions ?? []).filter(({ status }) => status === 'True');
  if (ended.some(({ type }) => type === 'Complete')) return { succeeded: true };
  const failed = ended.find(({ type }) => type === 'Failed');
  if (failed === undefined) return undefined;
  const why = [failed.reason, failed.message].filter((part) => part !== undefined && part !== '').join(': ');
  return { succeeded: false, message: `Job ${job.metadata.name} failed${why === '' ? '' : `: ${why}`}` };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
