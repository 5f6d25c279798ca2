/** One line of a plot; points that lie outside of the axes are cut off. */
export interface Series {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly dashed?: boolean;
  /** Points without a line between them. */
  readonly dots?: boolean;
}

export interface Axis {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
}

/** A part of a figure with axes of its own; both are logarithmic. */
export interface Panel {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  /** In pixels. */
  readonly width: number;
}

const PANEL_HEIGHT = 240;
const MARGIN = { left: 62, top: 66, right: 16, bottom: 88 };
const FONT =
  "font-family=\"-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, 'DejaVu Sans', sans-serif\"";
const INK = '#1f2328';
const MUTED = '#59636e';
const GRID = '#d0d7de';

/** A figure of panels side by side, with one legend; readable on light and dark pages. */
export function figureOf(title: string, description: string, panels: readonly Panel[]): string {
  const height = PANEL_HEIGHT + MARGIN.top + MARGIN.bottom;
  let width = MARGIN.right;
  const body = panels.map((panel) => {
    const left = width - MARGIN.right + MARGIN.left;
    width = left + panel.width + MARGIN.right;
    return panelOf(panel, left);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc" ${FONT} font-size="12" fill="${INK}">`,
    `<title id="title">${escape(title)}</title>`,
    `<desc id="desc">${escape(description)}</desc>`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="6" fill="#ffffff" stroke="${GRID}"/>`,
    `<text x="16" y="26" font-size="15" font-weight="600">${escape(title)}</text>`,
    ...body,
    legendOf(panels, height - 18),
    '</svg>',
    '',
  ].join('\n');
}

function panelOf({ title, x, y, series, width }: Panel, left: number): string {
  const place = {
    x: (value: number) => left + width * position(value, x),
    y: (value: number) => MARGIN.top + PANEL_HEIGHT * (1 - position(value, y)),
  };
  const bottom = MARGIN.top + PANEL_HEIGHT;
  const right = left + width;
  return [
    `<text x="${left}" y="${MARGIN.top - 14}" font-weight="600">${escape(title)}</text>`,
    ...x.ticks.flatMap(({ at, text }) => [
      `<line x1="${round(place.x(at))}" y1="${MARGIN.top}" x2="${round(place.x(at))}" y2="${bottom}" stroke="${GRID}" stroke-width="0.5"/>`,
      `<text x="${round(place.x(at))}" y="${bottom + 17}" text-anchor="middle" fill="${MUTED}">${escape(text)}</text>`,
    ]),
    ...y.ticks.flatMap(({ at, text }) => [
      `<line x1="${left}" y1="${round(place.y(at))}" x2="${right}" y2="${round(place.y(at))}" stroke="${GRID}" stroke-width="0.5"/>`,
      `<text x="${left - 6}" y="${round(place.y(at) + 4)}" text-anchor="end" fill="${MUTED}">${escape(text)}</text>`,
    ]),
    `<rect x="${left}" y="${MARGIN.top}" width="${width}" height="${PANEL_HEIGHT}" fill="none" stroke="${MUTED}" stroke-width="0.75"/>`,
    `<text x="${left + width / 2}" y="${bottom + 36}" text-anchor="middle" fill="${MUTED}">${escape(x.label)}</text>`,
    `<text transform="translate(${left - 46} ${MARGIN.top + PANEL_HEIGHT / 2}) rotate(-90)" text-anchor="middle" fill="${MUTED}">${escape(y.label)}</text>`,
    ...series.map((one) => seriesOf(one, { x, y }, place)),
  ].join('\n');
}

function seriesOf(
  { colour, points, dashed, dots }: Series,
  axes: { x: Axis; y: Axis },
  place: { x: (value: number) => number; y: (value: number) => number },
): string {
  const inside = points
    .filter(([x, y]) => x >= axes.x.from && x <= axes.x.to && y <= axes.y.to)
    .map(([x, y]) => [round(place.x(x)), round(place.y(Math.max(y, axes.y.from)))] as const);
  const marks = inside.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="${dots === true ? 3 : 2.4}"/>`);
  const path = inside.map(([x, y]) => `${x},${y}`).join(' ');
  const line =
    dots === true
      ? ''
      : `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"${dashed === true ? ' stroke-dasharray="5 4"' : ''}/>`;
  return `${line}<g fill="${colour}" fill-opacity="${dots === true ? 0.7 : 1}">${marks.join('')}</g>`;
}

function legendOf(panels: readonly Panel[], y: number): string {
  const all = new Map(panels.flatMap(({ series }) => series.map((one) => [one.name, one] as const)));
  let x = 16;
  return [...all.values()]
    .map(({ name, colour, dashed }) => {
      const at = x;
      x += 40 + name.length * 6.6;
      return `<line x1="${at}" y1="${y - 4}" x2="${at + 20}" y2="${y - 4}" stroke="${colour}" stroke-width="3"${dashed === true ? ' stroke-dasharray="5 4"' : ''}/><text x="${at + 26}" y="${y}">${escape(name)}</text>`;
    })
    .join('\n');
}

/** Where a value lies on an axis, 0–1. */
function position(value: number, { from, to }: Axis): number {
  return Math.log(value / from) / Math.log(to / from);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Powers of ten, and what else is given, as ticks. */
export function ticks(values: readonly number[], text: (value: number) => string): Axis['ticks'] {
  return values.map((at) => ({ at, text: text(at) }));
}
