import type { CurvePoint, Detail, EventView, MetricView, PodView } from '../wire.ts';
import { type Chart, type Line, chart } from './chart.ts';
import { ordersFor } from './orders.ts';
import { duration, el, percent, svg } from './dom.ts';

/** The parts of a release that came one by one. */
export interface Looked {
  readonly detail: Detail;
  /** Null where the person may not see them; undefined until they have come. */
  readonly pods: readonly PodView[] | null | undefined;
  readonly events: readonly EventView[] | null | undefined;
  readonly mayCommand: boolean;
}

/** One release as the page shows it. @param now ms since the epoch @param room its width (px) */
export function detailOf(
  { detail, pods, events, mayCommand }: Looked,
  now: number,
  room: number,
): HTMLElement[] {
  const { key, phase = 'Unseen', message, problems } = detail;
  return [
    el(
      'header',
      { class: 'release', 'data-key': 'header' },
      el('a', { class: 'back', href: '#/' }, '← All releases'),
      el('h2', { id: 'detail-title' }, `${key} `, el('span', { class: `phase ${phase}` }, phase)),
      el('p', { class: 'sentence' }, message),
      ...problems.map((problem) => el('p', { class: 'problem' }, problem)),
      buttons(detail, mayCommand),
    ),
    ...(detail.candidate === undefined ? [] : [traffic(detail), steps(detail, now)]),
    ...curves(detail, now, room),
    ...(detail.metrics.length === 0 ? [] : [counts(detail)]),
    ...(detail.values.length === 0 ? [] : [values(detail)]),
    ...podsOf(pods, detail),
    ...eventsOf(events, now),
    ...(detail.history.length === 0 ? [] : [history(detail, now)]),
  ];
}

function buttons(detail: Detail, mayCommand: boolean): HTMLElement {
  const row = ordersFor(detail).map(({ action, label, isDanger }) =>
    el(
      'button',
      {
        type: 'button',
        'data-key': action,
        'data-action': action,
        class: isDanger ? 'danger' : undefined,
        disabled: !mayCommand,
      },
      label,
    ),
  );
  const why =
    mayCommand || row.length === 0
      ? undefined
      : el('p', { class: 'quiet' }, 'You may not give commands in this namespace.');
  return el(
    'div',
    { class: 'orders' },
    el('div', { class: 'buttons', role: 'group', 'aria-label': 'Commands' }, ...row),
    why,
  );
}

/** The split of traffic as a picture. */
function traffic({ progress, candidate = '', stable = 'nobody' }: Detail): HTMLElement {
  const weight = progress?.observedWeight ?? 0;
  const label = `${weight}% of the traffic to ${candidate}, ${100 - weight}% to ${stable}`;
  return el(
    'section',
    { class: 'traffic', 'data-key': 'traffic' },
    el('h3', {}, 'Traffic'),
    svg(
      'svg',
      { viewBox: '0 0 100 6', preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
      svg('rect', { class: 'stable', x: 0, y: 0, width: 100, height: 6 }),
      svg('rect', { class: 'candidate', x: 0, y: 0, width: weight, height: 6 }),
    ),
    el(
      'p',
      { class: 'split' },
      el('span', { class: 'key candidate' }, `${weight}% new, ${candidate}`),
      el('span', { class: 'key stable' }, `${100 - weight}% stable, ${stable}`),
    ),
  );
}

function steps({ steps: all, progress, deadline }: Detail, now: number): HTMLElement {
  const items = all.map(({ weight, forMs, pause }) => {
    const at = progress?.weight ?? 0;
    const state = weight < at ? 'over' : weight > at ? 'to come' : 'now';
    const observedAt = progress?.observedAt;
    const passed = state === 'now' && observedAt !== undefined ? now - Date.parse(observedAt) : 0;
    const time =
      forMs === 0
        ? ''
        : state === 'now'
          ? `${duration(Math.min(passed, forMs))} of ${duration(forMs)}`
          : duration(forMs);
    const text = [time, pause ? 'then a pause' : ''].filter((part) => part !== '').join(', ');
    return el(
      'li',
      { class: state.replace(' ', '-'), 'aria-current': state === 'now' ? 'step' : undefined },
      el('strong', {}, `${weight}%`),
      text === '' ? undefined : el('span', {}, text),
    );
  });
  const left =
    deadline === undefined || deadline < now
      ? undefined
      : `Without a verdict it is given up in ${duration(deadline - now)}.`;
  return el(
    'section',
    { class: 'steps', 'data-key': 'steps' },
    el('h3', {}, 'Steps'),
    el('ol', {}, ...items),
    left === undefined ? undefined : el('p', { class: 'quiet' }, left),
  );
}

function curves(detail: Detail, now: number, room: number): HTMLElement[] {
  const { curves: course, metrics: counted, candidate, ended } = detail;
  const { weight, metrics } = course;
  const from = weight[0]?.[0];
  const last = weight.at(-1)?.[0];
  if (from === undefined || last === undefined) return [];
  // The course of a release that is over stands still; a moment after its end is shown.
  const until = Math.max(last, ...Object.values(metrics).map((points) => points.at(-1)?.[0] ?? 0));
  const to = candidate === undefined ? Math.max(until, (ended?.at ?? 0) + 1000) : Math.max(until, now);
  const isWide = room >= 2 * NARROWEST_CHART + GAP;
  const frame = {
    width: isWide ? (room - GAP) / 2 : room,
    from,
    to,
    marks: weight
      .filter(([, share], index) => share > 0 && share !== weight[index - 1]?.[1])
      .map(([at, share]) => [at, `${share}%`] as const),
    end: ended === undefined ? undefined : { ...ended, ...ENDINGS[ended.outcome] },
  };
  const figures = Object.entries(metrics).flatMap(([name, points]) => {
    if (points.length < 2) return [];
    const metric = counted.find((one) => one.name === name);
    return [shares(name, metric, points, frame), evidence(name, metric, points, frame)];
  });
  if (figures.length === 0) return [];
  const look = isWide ? 'curves two' : 'curves';
  return [el('section', { class: look, 'data-key': 'curves' }, el('h3', {}, 'How it goes'), ...figures)];
}

const ENDINGS: Readonly<Record<NonNullable<Detail['ended']>['outcome'], { text: string; isBad: boolean }>> = {
  Initial: { text: 'ready', isBad: false },
  Promoted: { text: 'promoted', isBad: false },
  RolledBack: { text: 'rolled back', isBad: true },
  Reverted: { text: 'reverted', isBad: false },
  Superseded: { text: 'superseded', isBad: false },
};

/** Two stand side by side where there is room for both (px); style.css knows the gap. */
const NARROWEST_CHART = 400;
const GAP = 24;

type Frame = Pick<Chart, 'from' | 'to' | 'marks' | 'end' | 'width'>;

function shares(
  name: string,
  metric: MetricView | undefined,
  points: readonly CurvePoint[],
  frame: Frame,
): HTMLElement {
  const side = (index: 1 | 2): Line['points'] => points.map((point) => [point[0], point[index]]);
  const { limit, bad = 'bad' } = metric ?? {};
  return chart({
    ...frame,
    title: `${name}: requests ${bad}`,
    lines: [
      { name: 'stable', look: 'stable', points: side(2), isOfSpans: true },
      { name: 'new', look: 'candidate', points: side(1), isOfSpans: true },
      ...(limit === undefined ? [] : [level(`limit ${percent(limit)}`, limit, frame)]),
    ],
    text: percent,
    least: Math.max(0.01, (limit ?? 0) * 1.2),
  });
}

function evidence(
  name: string,
  metric: MetricView | undefined,
  points: readonly CurvePoint[],
  frame: Frame,
): HTMLElement {
  const needed = metric?.needed ?? 2;
  return chart({
    ...frame,
    title: `${name}: evidence of harm`,
    lines: [
      level(`rolled back at ${odds(needed)}`, needed, frame),
      { name: 'evidence', look: 'evidence', points: points.map(([at, , , one]) => [at, one]) },
    ],
    text: odds,
    least: needed * 1.2,
  });
}

function level(name: string, value: number, { from, to }: Frame): Line {
  return {
    name,
    look: 'limit',
    points: [
      [from, value],
      [to, value],
    ],
  };
}

/** log10 of an e-value, as what a bet against the candidate would have won. */
function odds(log10: number): string {
  return log10 < 6
    ? `${Number((10 ** log10).toPrecision(2)).toLocaleString()}:1`
    : `10^${log10.toFixed(0)}:1`;
}

function counts({ metrics }: Detail): HTMLElement {
  const share = ({ all, bad }: MetricView['candidate']) =>
    all === 0 ? 'none' : `${Math.round(bad)} of ${Math.round(all)} (${percent(bad / all)})`;
  const rows = metrics.map((metric) =>
    el(
      'tr',
      {},
      el('th', { scope: 'row' }, metric.name),
      el('td', {}, el('span', { class: `verdict ${metric.verdict}` }, metric.verdict)),
      el('td', {}, share(metric.candidate)),
      el('td', {}, share(metric.stable)),
      el('td', {}, `${odds(metric.evidence)} of ${odds(metric.needed ?? 2)}`),
      el('td', {}, metric.message),
    ),
  );
  return table('What was counted', ['Metric', 'Verdict', 'New', 'Stable', 'Evidence', 'Why'], rows);
}

function values({ values: all }: Detail): HTMLElement {
  const rows = all.map(({ name, verdict, message, dryRun }) =>
    el(
      'tr',
      {},
      el('th', { scope: 'row' }, dryRun === true ? `${name} (dry run)` : name),
      el('td', {}, el('span', { class: `verdict ${verdict}` }, verdict)),
      el('td', {}, message),
    ),
  );
  return table('What was measured', ['Metric', 'Verdict', 'Why'], rows);
}

function podsOf(pods: Looked['pods'], { candidate, stable }: Detail): HTMLElement[] {
  if (pods === null) return [notSeen('Pods', 'You may not list pods in this namespace.')];
  if (pods === undefined || pods.length === 0) return [];
  const side = (revision: string) =>
    revision === candidate ? 'new' : revision === stable ? 'stable' : 'earlier';
  const rows = pods.map(({ name, revision, ready, restarts, why }) =>
    el(
      'tr',
      { 'data-key': name },
      el('th', { scope: 'row' }, name),
      el('td', {}, `${side(revision)} (${revision})`),
      el('td', {}, ready ? 'ready' : (why ?? 'not ready')),
      el('td', {}, String(restarts)),
    ),
  );
  return [table('Pods', ['Pod', 'Version', 'State', 'Restarts'], rows)];
}

function eventsOf(events: Looked['events'], now: number): HTMLElement[] {
  const title = 'What happened';
  if (events === null) return [notSeen(title, 'You may not list Events in this namespace.')];
  if (events === undefined || events.length === 0) return [];
  const items = events.map(({ at, warning, reason, note }) =>
    el(
      'li',
      { class: warning ? 'warning' : undefined },
      el('time', { datetime: at }, `${duration(now - Date.parse(at))} ago`),
      el('strong', {}, reason),
      el('span', {}, note),
    ),
  );
  return [el('section', { class: 'events', 'data-key': title }, el('h3', {}, title), el('ul', {}, ...items))];
}

function notSeen(title: string, why: string): HTMLElement {
  return el('section', { 'data-key': title }, el('h3', {}, title), el('p', { class: 'quiet' }, why));
}

function history({ history: entries }: Detail, now: number): HTMLElement {
  const rows = entries.map(
    ({ revision, version, outcome, message, startedAt, finishedAt, requests, failed }) =>
      el(
        'tr',
        {},
        el('th', { scope: 'row' }, version === undefined ? revision : `${revision} (${version})`),
        el('td', {}, outcome),
        el('td', {}, `${duration(now - Date.parse(finishedAt))} ago`),
        el('td', {}, duration(Date.parse(finishedAt) - Date.parse(startedAt))),
        el('td', {}, `${Math.round(failed)} of ${Math.round(requests)}`),
        el('td', {}, message),
      ),
  );
  return table('Releases before', ['Revision', 'Outcome', 'Ended', 'Took', 'Failed', 'Why'], rows);
}

function table(caption: string, heads: readonly string[], rows: readonly HTMLElement[]): HTMLElement {
  return el(
    'section',
    { class: 'table', 'data-key': caption },
    el('h3', {}, caption),
    el(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
      el(
        'table',
        {},
        el('thead', {}, el('tr', {}, ...heads.map((head) => el('th', { scope: 'col' }, head)))),
        el('tbody', {}, ...rows),
      ),
    ),
  );
}
