import { type GivenOrder, type MetricStatus, formatDuration, formatPercent } from '../../api/index.ts';
import { odds } from '../view/status.ts';
import type { ReportView } from './view.ts';

const OUTCOMES: Readonly<Record<ReportView['outcome'], string>> = {
  Initial: 'the first one',
  Promoted: 'promoted',
  RolledBack: 'rolled back',
  Reverted: 'reverted by its manifest',
  Superseded: 'replaced by the next one',
  InProgress: 'in progress',
};

export const outcomeText = ({ outcome }: Pick<ReportView, 'outcome'>): string => OUTCOMES[outcome];

/** Whether it came to the end that was wanted, to another one, or to none yet. */
export function lookOf({ outcome }: Pick<ReportView, 'outcome'>): 'good' | 'bad' | 'open' {
  if (outcome === 'Promoted' || outcome === 'Initial') return 'good';
  return outcome === 'InProgress' ? 'open' : 'bad';
}

export function titleOf({ namespace, name, revision, version }: ReportView): string {
  return `${namespace}/${name}, revision ${revision}${version === undefined ? '' : ` (${version})`}`;
}

/** Pairs of what it is and what is known of it. */
export function facts(view: ReportView): (readonly [string, string])[] {
  const { stable, startedAt, until, outcome, requests, failed, reason } = view;
  const served =
    requests === 0
      ? 'none'
      : `${whole(requests)}, of which ${whole(failed)} failed (${formatPercent(failed / requests)})`;
  return [
    ...(stable === undefined ? [] : [['Compared with', `revision ${stable}`] as const]),
    ['Began', day(startedAt)],
    [outcome === 'InProgress' ? 'Counted up to' : 'Over', day(until)],
    ['Took', took(startedAt, until)],
    ['Requests to the new version', served],
    ...(reason === undefined ? [] : [['Reason', reason] as const]),
  ];
}

/** `2030-01-01 12:00:00 UTC` */
export function day(time: string): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** How long after the beginning that was: `+4m12s`. */
export function since(view: Pick<ReportView, 'startedAt'>, time: string): string {
  return `+${took(view.startedAt, time)}`;
}

/** In whole seconds, or tenths of them where it is less than ten. */
export function took(from: string, to: string): string {
  const ms = Math.max(0, Date.parse(to) - Date.parse(from));
  if (ms < 10_000) return `${Math.floor(ms / 100) / 10}s`;
  return formatDuration(Math.floor(ms / 1000) * 1000);
}

export function countsText({ all, bad }: MetricStatus['candidate']): string {
  return all === 0 ? 'none' : `${whole(bad)} of ${whole(all)} (${formatPercent(bad / all)})`;
}

export function evidenceText({
  evidence,
  needed,
}: {
  evidence: number;
  needed?: number | undefined;
}): string {
  return needed === undefined ? odds(evidence) : `${odds(evidence)} of ${odds(needed)}`;
}

/** An e-value (log10) as it stands beside an axis: `1,000:1`. */
export function oddsTick(log10: number): string {
  return log10 < 5 ? `${Number((10 ** log10).toPrecision(2)).toLocaleString('en')}:1` : `10^${log10}:1`;
}

/** `abort by jane` */
export function orderText({ action, by }: GivenOrder): string {
  return `${action}${by === undefined ? '' : ` by ${by}`}`;
}

function whole(count: number): string {
  return String(Math.round(count));
}

/** One entry of the timeline. */
export interface Moment {
  readonly at: string;
  readonly what: string;
  readonly look: 'plain' | 'bad' | 'good' | 'order';
}

const GOOD = new Set(['Promoted']);
/** What reasons an event has that is no course of a release. */
const PLAIN = new Set(['Progressing', 'Paused', 'CommandExecuted', 'RollingBack', 'Reverted', 'Superseded']);

/** What happened, in its order. Orders are told of in their own words, which name who gave them. */
export function timelineOf(view: ReportView): Moment[] {
  const { startedAt, events, orders, revision, outcome, until, message } = view;
  const told = events
    .filter(({ reason }) => reason !== 'CommandExecuted' && reason !== 'CommandRefused')
    .map(({ at, reason, message: what }): Moment => {
      const look = GOOD.has(reason) ? 'good' : PLAIN.has(reason) ? 'plain' : 'bad';
      return { at, what: look === 'bad' ? `${reason}: ${what}` : what, look };
    });
  const ordered = orders.map((order): Moment => ({
    at: order.at,
    what: `${orderText(order)}: ${order.phase === 'Refused' ? 'refused, ' : ''}${order.message}`,
    look: 'order',
  }));
  const end: Moment[] =
    events.length > 0 || outcome === 'InProgress'
      ? []
      : [{ at: until, what: message, look: lookOf(view) === 'good' ? 'good' : 'bad' }];
  const begin: Moment = { at: startedAt, what: `the release of revision ${revision} began`, look: 'plain' };
  return [begin, ...[...told, ...ordered].sort((a, b) => a.at.localeCompare(b.at)), ...end];
}
