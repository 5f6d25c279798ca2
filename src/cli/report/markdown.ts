import { formatPercent } from '../../api/index.ts';
import { sparkline } from '../view/sparkline.ts';
import { odds } from '../view/status.ts';
import type { MetricView, ReportView } from './view.ts';
import {
  countsText,
  evidenceText,
  facts,
  orderText,
  outcomeText,
  since,
  timelineOf,
  titleOf,
} from './words.ts';

/** The report as Markdown with tables, as GitHub, GitLab and chats show it. */
export function markdownOf(view: ReportView): string {
  const parts = [
    `# ${plain(titleOf(view))}: ${outcomeText(view)}`,
    plain(view.message),
    facts(view)
      .map(([what, known]) => `- ${what}: ${plain(known)}`)
      .join('\n'),
    ...verdicts(view),
    ...curves(view),
    '## Timeline',
    timelineOf(view)
      .map(({ at, what }) => `- ${since(view, at)} ${plain(what)}`)
      .join('\n'),
    ...orders(view),
  ];
  return `${parts.join('\n\n')}\n`;
}

function verdicts({ metrics, values }: ReportView): string[] {
  if (metrics.length === 0 && values.length === 0) return [];
  const rows = [
    ...metrics.map((metric) => [
      metric.name,
      metric.verdict,
      countsText(metric.candidate),
      countsText(metric.stable),
      evidenceText(metric),
      metric.message,
    ]),
    ...values.map(({ name, verdict, message }) => [name, verdict, '–', '–', '–', message]),
  ];
  const heading = ['Metric', 'Verdict', 'Bad: new version', 'Bad: stable', 'Evidence of harm', 'Why'];
  return ['## Verdicts', table(heading, rows)];
}

const CURVE = 48;

function curves(view: ReportView): string[] {
  const { weights, missing, metrics } = view;
  if (missing !== undefined) return ['## How it went', `There are no curves: ${plain(missing)}.`];
  const split = weights.map(({ at, weight }) => `${weight}% from ${since(view, at)}`).join(', ');
  return [
    '## How it went',
    `Traffic of the new version: ${split}.`,
    ...metrics.filter(({ curve }) => curve.length > 1).map(curve),
  ];
}

/** Curves of blocks, all of one height, so that they can be compared. */
function curve({ name, limit, needed = 2, curve: points }: MetricView): string {
  const shares = points.flatMap(({ candidate, stable }) => [candidate ?? 0, stable ?? 0]);
  const top = Math.max(0.01, limit ?? 0, ...shares);
  const most = Math.max(needed, ...points.map(({ evidence }) => evidence));
  const line = (label: string, values: readonly (number | undefined)[], highest: number, text: string) =>
    `${label.padEnd(12)}${sparkline(values, highest, Math.min(CURVE, points.length))}  top ${text}`;
  return [
    `**${plain(name)}**`,
    '',
    '```text',
    line(
      'new version',
      points.map(({ candidate }) => candidate),
      top,
      formatPercent(top),
    ),
    line(
      'stable',
      points.map(({ stable }) => stable),
      top,
      formatPercent(top),
    ),
    line(
      'evidence',
      points.map(({ evidence }) => evidence),
      most,
      odds(most),
    ),
    '```',
  ].join('\n');
}

function orders(view: ReportView): string[] {
  if (view.orders.length === 0) return [];
  const rows = view.orders.map((order) => [
    since(view, order.at),
    orderText(order),
    order.command,
    order.phase === 'Executed' ? 'executed' : 'refused',
    order.message,
  ]);
  return ['## Who ordered what', table(['When', 'Order', 'ReleaseCommand', 'Result', 'Answer'], rows)];
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map((row) => line(row.map(plain)))].join(
    '\n',
  );
}

/** Text that means in Markdown what it says: what people wrote makes no heading, no link, no cell and no element. */
export function plain(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_[\]|~#]/g, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
