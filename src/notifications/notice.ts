import { createHash } from 'node:crypto';
import { formatDuration } from '../api/index.ts';
import type { Moment, NotificationPolicySpec, Placeholder } from '../api/index.ts';
import { iso } from '../core/model.ts';
import { HANGING_ROLLBACK, type Standing, type Subject } from './standing.ts';

/** What the operator says of itself where a policy does not. */
export interface Surroundings {
  readonly clusterName: string | undefined;
  /** Base URL of the dashboard. */
  readonly dashboardUrl: string | undefined;
}

/** A message before it is written in the manner of a service. */
export interface Notice {
  /** The same for the same thing told again: receivers can tell a repetition by it. */
  readonly id: string;
  readonly moment: Moment;
  /** ms since the epoch. */
  readonly at: number;
  readonly release: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly cluster: string | undefined;
  readonly headline: string;
  readonly link: string | undefined;
  readonly standing: Standing;
}

const SYMBOLS: Readonly<Record<Moment, string>> = {
  started: '🚀',
  step: '📈',
  paused: '⏸️',
  held: '⚠️',
  rollingBack: '🔙',
  rolledBack: '❌',
  promoted: '✅',
  replaced: '🔁',
};

/** The message that tells how a release stands. */
export function noticeOf(
  { namespace, name, uid }: Subject,
  standing: Standing,
  spec: Pick<NotificationPolicySpec, 'clusterName' | 'dashboardURL'>,
  surroundings: Surroundings,
): Notice {
  const { attempt, moment, key, at } = standing;
  const cluster = spec.clusterName ?? surroundings.clusterName;
  const dashboard = spec.dashboardURL ?? surroundings.dashboardUrl;
  const place = cluster === undefined ? '' : ` in ${cluster}`;
  return {
    id: createHash('sha256')
      .update(JSON.stringify([uid, attempt.number, attempt.id, key]))
      .digest('hex')
      .slice(0, 32),
    moment,
    at,
    release: { namespace, name, uid },
    cluster,
    headline: `${namespace}/${name}${place}: ${happening(standing)}`,
    // As the dashboard's own links are.
    link: dashboard === undefined ? undefined : `${dashboard.replace(/[/]$/, '')}/#/${namespace}/${name}`,
    standing,
  };
}

/** The symbol that a message begins with. */
export function symbolOf({ moment }: Notice): string {
  return SYMBOLS[moment];
}

function happening(standing: Standing): string {
  const { moment, attempt, version, previous, step } = standing;
  const revision = `revision ${attempt.revision}${version === undefined ? '' : ` (${version})`}`;
  const old = previous ?? 'the stable revision';
  const weight = step?.weight ?? 0;
  switch (moment) {
    case 'started':
      return `${revision} is going out in place of ${old}`;
    case 'step':
      return `${revision} serves ${weight}%${step === undefined ? '' : ` (step ${step.index} of ${step.of})`}`;
    case 'paused':
      return `${revision} waits at ${weight}% for a person`;
    case 'held':
      return held(standing, revision);
    case 'rollingBack':
      return `${revision} is being rolled back to ${old}`;
    case 'rolledBack':
      return `${revision} was rolled back to ${old}`;
    case 'promoted':
      return previous === undefined ? `${revision} is up` : `${revision} replaced ${old}`;
    case 'replaced':
      return `${revision} was dropped for another template`;
  }
}

function held({ attempt, key, step }: Standing, revision: string): string {
  if (attempt.revision === '') return 'what is wanted cannot go out as it is';
  return key === HANGING_ROLLBACK
    ? `the rollback of ${revision} is not over after a minute`
    : `${revision} is held up at ${step?.weight ?? 0}%`;
}

/** The numbers of a release in words; '' where nothing was served yet. */
export function numbersOf({ standing, moment }: Notice): string {
  const { requests, tookMs } = standing;
  if (requests === undefined || requests.all === 0) return '';
  const isOver = moment === 'promoted' || moment === 'rolledBack' || moment === 'replaced';
  const took = tookMs === undefined ? '' : `${isOver ? ' in' : ' so far, in'} ${formatDuration(tookMs)}`;
  return `${count(requests.all)} requests${took}, ${count(requests.failed)} failed`;
}

/** What stands for each placeholder. */
export function valuesOf(notice: Notice): Readonly<Record<Placeholder, string>> {
  const { standing, release } = notice;
  const { attempt, step, requests, tookMs } = standing;
  return {
    headline: notice.headline,
    verdict: standing.verdict,
    moment: notice.moment,
    reason: standing.reason,
    cluster: notice.cluster ?? '',
    'release.name': release.name,
    'release.namespace': release.namespace,
    'revision.new': attempt.revision,
    'revision.old': standing.previous ?? '',
    'revision.version': standing.version ?? '',
    'step.weight': String(step?.weight ?? ''),
    'step.index': String(step?.index ?? ''),
    'step.of': String(step?.of ?? ''),
    'requests.all': String(requests?.all ?? ''),
    'requests.failed': String(requests?.failed ?? ''),
    duration: tookMs === undefined ? '' : formatDuration(tookMs),
    link: notice.link ?? '',
    time: iso(notice.at),
  };
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
