import type { Detail, EventView, MetricView, PodView } from '../wire.ts';
import { type Line, chart } from './chart.ts';
import { duration, el, percent, svg } from './dom.ts';

/** What somebody can order: the word, what it says on the button, and what is asked before. */
export interface Order {
  readonly action: string;
  readonly label: string;
  readonly revision: string;
  readonly question: string;
  readonly isDanger: boolean;
}

/** The parts of a release that came one by one. */
export interface Looked {
  readonly detail: Detail;
  readonly pods: readonly PodView[];
  readonly events: readonly EventView[];
  readonly mayCommand: boolean;
}

/** One release as the page shows it. @param now ms since the epoch */
export function detailOf(
  { detail, pods, events, mayCommand }: Looked,
  now: number,
  order: (order: Order) => void,
): HTMLElement[] {
  const { key, phase = 'Unseen', message, problems } = detail;
  return [
    el(
      'header',
      { class: 'release' },
      el('h2', {}, key, ' ', el('span', { class: `phase ${phase}` }, phase)),
      el('p', { class: 'sentence' }, message),
      ...problems.map((problem) => el('p', { class: 'problem' }, problem)),
      buttons(detail, mayCommand, order),
    ),
    ...(detail.candidate === undefined ? [] : [traffic(detail), steps(detail, now)]),
    ...curves(detail, now),
    ...(detail.metrics.length === 0 ? [] : [counts(detail)]),
    ...(detail.values.length === 0 ? [] : [values(detail)]),
    ...(pods.length === 0 ? [] : [podTable(pods, detail)]),
    ...(events.length === 0 ? [] : [eventList(events, now)]),
    ...(detail.history.length === 0 ? [] : [history(detail, now)]),
  ];
}

function buttons(detail: Detail, mayCommand: boolean, order: (order: Order) => void): HTMLElement {
  const orders = ordersFor(detail);
  if (orders.length === 0) return el('div', {});
  const row = orders.map((one) => {
    const button = el(
      'button',
      {
        type: 'button',
        class: one.isDanger ? 'danger' : undefined,
        disabled: !mayCommand,
        title: mayCommand ? undefined : 'you may not give commands in this namespace',
      },
      one.label,
    );
    button.addEventListener('click', () => {
      order(one);
    });
    return button;
  });
  return el('div', { class: 'buttons', role: 'group', 'aria-label': 'Commands' }, ...row);
}

/** What the operator would execute now. */
export function ordersFor({ candidate, stable, rejected, retired, paused, phase }: Detail): Order[] {
  if (phase === 'RollingBack') return [];
  if (candidate !== undefined && stable !== undefined) {
    const about = { revision: candidate };
    return [
      {
        ...about,
        action: 'abort',
        label: 'Abort',
        question: `Revision ${candidate} loses its traffic now, and is not tried again by itself.`,
        isDanger: true,
      },
      paused
        ? {
            ...about,
            action: 'resume',
            label: 'Resume',
            question: 'It goes on from its weight.',
            isDanger: false,
          }
        : {
            ...about,
            action: 'pause',
            label: 'Pause',
            question: 'It stays at its weight until someone resumes it.',
            isDanger: false,
          },
      {
        ...about,
        action: 'promote',
        label: 'Next step',
        question: 'The present step passes without further analysis.',
        isDanger: false,
      },
      {
        ...about,
        action: 'promoteFull',
        label: 'Promote fully',
        question: `Revision ${candidate} gets all traffic, whatever the analysis says from now on.`,
        isDanger: true,
      },
    ];
  }
  const back = retired.slice(0, 1).map((revision) => ({
    action: 'rollbackTo',
    label: `Return to ${revision}`,
    revision,
    question: `All traffic goes to revision ${revision} at once.`,
    isDanger: true,
  }));
  if (rejected === undefined) return back;
  return [
    {
      action: 'retry',
      label: `Retry ${rejected}`,
      revision: rejected,
      question: `Revision ${rejected}, which was rolled back, goes out again from the first step.`,
      isDanger: false,
    },
    ...back,
  ];
}

/** The split of traffic as a picture. */
function traffic({ progress, candidate = '', stable = 'nobody' }: Detail): HTMLElement {
  const weight = progress?.observedWeight ?? 0;
  const label = `${weight}% of the traffic to ${candidate}, ${100 - weight}% to ${stable}`;
  return el(
    'section',
    { class: 'traffic' },
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
    return el(
      'li',
      { class: state.replace(' ', '-'), 'aria-current': state === 'now' ? 'step' : undefined },
      el('strong', {}, `${weight}%`),
      el('span', {}, [time, pause ? 'then a pause' : ''].filter((text) => text !== '').join(', ')),
    );
  });
  const left =
    deadline === undefined || deadline < now
      ? undefined
      : `Without a verdict it is given up in ${duration(deadline - now)}.`;
  return el(
    'section',
    { class: 'steps' },
    el('h3', {}, 'Steps'),
    el('ol', {}, ...items),
    left === undefined ? undefined : el('p', { class: 'quiet' }, left),
  );
}

function curves(
  { curves: { weight, metrics }, metrics: counted, candidate }: Detail,
  now: number,
): HTMLElement[] {
  const first = weight[0]?.[0];
  const last = weight.at(-1)?.[0];
  if (first === undefined || last === undefined) return [];
  const to = candidate === undefined ? last : Math.max(last, now);
  const marks = weight.filter(([, share]) => share > 0).map(([at, share]) => [at, `${share}%`] as const);
  const figures = Object.entries(metrics).flatMap(([name, points]) => {
    if (points.length < 2) return [];
    const side = (index: 1 | 2): Line['points'] => points.map((point) => [point[0], point[index]]);
    const needed = counted.find((metric) => metric.name === name)?.needed ?? 2;
    return [
      chart({
        title: `${name}: share that goes wrong`,
        lines: [
          { name: 'stable', look: 'stable', points: side(2) },
          { name: 'new', look: 'candidate', points: side(1) },
        ],
        marks,
        text: percent,
        least: 0.01,
        from: first,
        to,
      }),
      chart({
        title: `${name}: evidence of harm`,
        lines: [
          {
            name: 'rolled back at',
            look: 'limit',
            points: [
              [first, needed],
              [to, needed],
            ],
          },
          { name: 'evidence', look: 'evidence', points: points.map(([at, , , evidence]) => [at, evidence]) },
        ],
        marks,
        text: odds,
        least: needed * 1.2,
        from: first,
        to,
      }),
    ];
  });
  return figures.length === 0
    ? []
    : [el('section', { class: 'curves' }, el('h3', {}, 'How it goes'), ...figures)];
}

/** log10 of an e-value, as what a bet against the candidate would have won. */
function odds(log10: number): string {
  return log10 < 3 ? `${Number((10 ** log10).toPrecision(2))}:1` : `10^${log10.toFixed(0)}:1`;
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

function podTable(pods: readonly PodView[], { candidate, stable }: Detail): HTMLElement {
  const side = (revision: string) =>
    revision === candidate ? 'new' : revision === stable ? 'stable' : 'earlier';
  const rows = pods.map(({ name, revision, ready, restarts, why }) =>
    el(
      'tr',
      {},
      el('th', { scope: 'row' }, name),
      el('td', {}, `${side(revision)} (${revision})`),
      el('td', {}, ready ? 'ready' : (why ?? 'not ready')),
      el('td', {}, String(restarts)),
    ),
  );
  return table('Pods', ['Pod', 'Version', 'State', 'Restarts'], rows);
}

function eventList(events: readonly EventView[], now: number): HTMLElement {
  const items = events.map(({ at, warning, reason, note }) =>
    el(
      'li',
      { class: warning ? 'warning' : undefined },
      el('time', { datetime: at }, `${duration(now - Date.parse(at))} ago`),
      el('strong', {}, reason),
      el('span', {}, note),
    ),
  );
  return el('section', { class: 'events' }, el('h3', {}, 'What happened'), el('ul', {}, ...items));
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
    { class: 'table' },
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
