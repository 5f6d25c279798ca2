import { formatPercent } from '../../api/index.ts';
import { odds } from '../view/status.ts';
import { type Chart, type Line, type Mark, chart } from './chart.ts';
import { type Child, Markup, el } from './markup.ts';
import { STYLE } from './style.ts';
import type { MetricView, ReportView } from './view.ts';
import {
  countsText,
  day,
  evidenceText,
  facts,
  lookOf,
  oddsTick,
  orderText,
  outcomeText,
  since,
  timelineOf,
  titleOf,
} from './words.ts';

/** The report as one page that needs nothing else: no script, no font, no picture from elsewhere. */
export function htmlOf(view: ReportView): string {
  const title = `${titleOf(view)}: ${outcomeText(view)}`;
  const page = el(
    'html',
    { lang: 'en' },
    el(
      'head',
      {},
      el('meta', { charset: 'utf-8' }),
      el('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      el('meta', { name: 'color-scheme', content: 'light dark' }),
      // Nothing is loaded, whatever may have got into the page.
      el('meta', {
        'http-equiv': 'Content-Security-Policy',
        content: "default-src 'none'; style-src 'unsafe-inline'",
      }),
      el('title', {}, title),
      el('style', {}, new Markup(STYLE)),
    ),
    el('body', {}, el('main', {}, header(view), sections(view))),
  );
  return `<!doctype html>\n${page.text}\n`;
}

function header(view: ReportView): Child {
  return el(
    'header',
    {},
    el('p', { class: 'kind' }, 'Release report'),
    el('h1', {}, titleOf(view), ' ', el('span', { class: `outcome ${lookOf(view)}` }, outcomeText(view))),
    el('p', { class: 'why' }, view.message),
    el(
      'dl',
      {},
      facts(view).map(([what, known]) => el('div', {}, el('dt', {}, what), el('dd', {}, known))),
    ),
  );
}

function sections(view: ReportView): Child {
  return [
    section('verdicts', 'Verdicts', verdicts(view)),
    section('curves', 'How it went', curves(view)),
    section('timeline', 'Timeline', timeline(view)),
    section('orders', 'Who ordered what', orders(view)),
    section('numbers', 'The numbers of the pictures', numbers(view)),
  ];
}

function section(id: string, title: string, content: Child): Child {
  if (content === undefined) return undefined;
  return el('section', { 'aria-labelledby': id }, el('h2', { id }, title), content);
}

function verdicts({ metrics, values }: ReportView): Child {
  if (metrics.length === 0 && values.length === 0) return undefined;
  const rows = [
    ...metrics.map((metric) => [
      metric.name,
      verdict(metric.verdict),
      countsText(metric.candidate),
      countsText(metric.stable),
      evidenceText(metric),
      metric.message,
    ]),
    ...values.map(({ name, verdict: is, message, dryRun }) => [
      dryRun === true ? `${name} (dry run)` : name,
      verdict(is),
      '–',
      '–',
      '–',
      message,
    ]),
  ];
  const heading = ['Metric', 'Verdict', 'Bad: new version', 'Bad: stable', 'Evidence of harm', 'Why'];
  return table('The last verdict by each metric', heading, rows);
}

function verdict(is: string): Markup {
  const look = is === 'Pass' ? 'good' : is === 'Fail' ? 'bad' : 'open';
  return el('span', { class: look }, is);
}

function curves(view: ReportView): Child {
  const { metrics, weights, missing } = view;
  if (missing !== undefined) return el('p', {}, `There are no curves: ${missing}.`);
  const frame = { from: Date.parse(view.startedAt), to: Date.parse(view.until), marks: marksOf(view) };
  const split = [...weights, { at: view.until, weight: weights.at(-1)?.weight ?? 0 }];
  return [
    chart({
      ...frame,
      id: 'traffic',
      title: 'Traffic of the new version',
      words: `The share of traffic that the new version had: ${weights.map(({ at, weight }) => `${weight}% from ${since(view, at)}`).join(', ')}.`,
      lines: [
        {
          name: 'weight',
          look: 'weight',
          isStair: true,
          points: split.map(({ at, weight }) => [Date.parse(at), weight]),
        },
      ],
      text: (value) => `${Math.round(value)}%`,
      room: [0, 100],
    }),
    metrics
      .filter(({ curve }) => curve.length > 1)
      .flatMap((metric, index) => [shareChart(metric, index, frame), evidenceChart(metric, index, frame)]),
  ];
}

type Frame = Pick<Chart, 'from' | 'to' | 'marks'>;

function shareChart(metric: MetricView, index: number, frame: Frame): Markup {
  const { name, limit, curve, candidate, stable } = metric;
  const side = (which: 'candidate' | 'stable', label: string): Line => ({
    name: label,
    look: which,
    points: curve.map((point) => [Date.parse(point.at), point[which]]),
  });
  return chart({
    ...frame,
    id: `share-${index}`,
    title: `${name}: share of bad requests`,
    words: `From look to look, on both versions. In all ${countsText(candidate)} on the new version, ${countsText(stable)} on stable${limit === undefined ? '' : `; the limit is ${formatPercent(limit)}`}.`,
    lines: [
      ...(limit === undefined ? [] : [level(`limit ${formatPercent(limit)}`, limit, frame)]),
      side('stable', 'stable'),
      side('candidate', 'new version'),
    ],
    text: formatPercent,
    room: [0, Math.max(0.01, (limit ?? 0) * 1.5)],
  });
}

function evidenceChart(metric: MetricView, index: number, frame: Frame): Markup {
  const { name, needed = 2, curve } = metric;
  return chart({
    ...frame,
    id: `evidence-${index}`,
    title: `${name}: evidence of harm`,
    words: `How many times likelier the counts are from a version that does harm than from a healthy one: ${evidenceText(metric)} at the end. At ${odds(needed)} the release fails.`,
    lines: [
      level(`rollback at ${odds(needed)}`, needed, frame),
      {
        name: 'evidence',
        look: 'candidate',
        points: curve.map(({ at, evidence }) => [Date.parse(at), Math.max(LEAST_EVIDENCE, evidence)]),
      },
    ],
    text: oddsTick,
    isLog: true,
    room: [0, needed],
  });
}

/** What is less speaks against harm, and looks the same (log10). */
const LEAST_EVIDENCE = -1;

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

function marksOf(view: ReportView): Mark[] {
  const { weights, until, verdictAt } = view;
  const steps = weights
    .filter(({ at, weight }) => weight > 0 && at !== until)
    .map(({ at, weight }): Mark => ({ at: Date.parse(at), text: `${weight}%`, look: 'step' }));
  if (verdictAt === undefined) return steps;
  const text = view.outcome === 'InProgress' ? 'given up' : outcomeText(view);
  return [...steps, { at: Date.parse(verdictAt), text, look: lookOf(view) }];
}

function timeline(view: ReportView): Child {
  return el(
    'ol',
    { class: 'timeline' },
    timelineOf(view).map(({ at, what, look }) =>
      el(
        'li',
        { class: look },
        el('time', { datetime: at, title: day(at) }, since(view, at)),
        el('span', {}, what),
      ),
    ),
  );
}

function orders(view: ReportView): Child {
  if (view.orders.length === 0)
    return view.missing !== undefined && view.events.length === 0
      ? undefined
      : el('p', {}, 'Nobody gave an order: it went by its steps and its analysis alone.');
  const rows = view.orders.map((order) => [
    since(view, order.at),
    orderText(order),
    order.command,
    order.phase === 'Executed' ? 'executed' : 'refused',
    order.message,
  ]);
  return table('Commands to this release', ['When', 'Order', 'ReleaseCommand', 'Result', 'Answer'], rows);
}

function numbers(view: ReportView): Child {
  const known = view.metrics.filter(({ curve }) => curve.length > 0);
  if (known.length === 0) return undefined;
  return known.map(({ name, curve }) => {
    const percent = (share: number | undefined) => (share === undefined ? '–' : formatPercent(share));
    const rows = curve.map((point) => [
      since(view, point.at),
      `${weightAt(view, point.at)}%`,
      percent(point.candidate),
      percent(point.stable),
      odds(point.evidence),
    ]);
    const heading = ['When', 'Weight', 'Bad since the last: new version', 'Stable', 'Evidence of harm'];
    return el('div', { class: 'numbers' }, table(name, heading, rows));
  });
}

function weightAt({ weights }: ReportView, time: string): number {
  return weights.findLast(({ at }) => at <= time)?.weight ?? 0;
}

function table(caption: string, heading: readonly string[], rows: readonly (readonly Child[])[]): Markup {
  return el(
    'div',
    { class: 'scroll', role: 'region', 'aria-label': caption, tabindex: 0 },
    el(
      'table',
      {},
      el('caption', {}, caption),
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          heading.map((one) => el('th', { scope: 'col' }, one)),
        ),
      ),
      el(
        'tbody',
        {},
        rows.map((row) =>
          el(
            'tr',
            {},
            row.map((cell, index) => (index === 0 ? el('th', { scope: 'row' }, cell) : el('td', {}, cell))),
          ),
        ),
      ),
    ),
  );
}
