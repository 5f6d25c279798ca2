import { el, svg, timeOfDay } from './dom.ts';

/** One line of a chart: times (ms since the epoch) and values; a gap where a value is null. */
export interface Line {
  readonly name: string;
  /** Which of the page's colours. */
  readonly look: 'candidate' | 'stable' | 'evidence' | 'limit';
  readonly points: readonly (readonly [at: number, value: number | null])[];
  /** A value is of the time since the point before, not of a moment. */
  readonly isOfSpans?: boolean;
}

export interface Chart {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Times at which a step began, with its weight. */
  readonly marks: readonly (readonly [at: number, text: string])[];
  /** When it was over, and how. */
  readonly end?: { readonly at: number; readonly text: string; readonly isBad: boolean } | undefined;
  /** A value as text. */
  readonly text: (value: number) => string;
  /** The highest value that is shown at least. */
  readonly least: number;
  readonly from: number;
  readonly to: number;
  /** Of the picture (px). */
  readonly width: number;
}

const HEIGHT = 170;
const LEFT = 66;
const BOTTOM = 22;
const TOP = 14;

/** A chart as a picture, with its last values in words for those who do not see it. */
export function chart(data: Chart): HTMLElement {
  const top = scaleOf(data);
  const width = Math.round(data.width);
  const x = (at: number) => LEFT + ((at - data.from) / Math.max(1, data.to - data.from)) * (width - LEFT - 6);
  const y = (value: number) => HEIGHT - BOTTOM - (Math.min(top, value) / top) * (HEIGHT - BOTTOM - TOP);
  const picture = svg(
    'svg',
    { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': wordsOf(data), class: 'chart' },
    ...[0, 0.5, 1].map((share) =>
      svg(
        'g',
        { class: 'grid' },
        svg('line', { x1: LEFT, x2: width - 6, y1: y(top * share), y2: y(top * share) }),
        svg('text', { x: LEFT - 6, y: y(top * share) + 4, 'text-anchor': 'end' }, data.text(top * share)),
      ),
    ),
    ...marksOf(data, x),
    endOf(data, x),
    ...data.lines.map((line) => svg('path', { class: `line ${line.look}`, d: pathOf(line, x, y) })),
    svg('text', { class: 'axis', x: LEFT, y: HEIGHT - 6 }, timeOfDay(data.from)),
    svg('text', { class: 'axis', x: width - 6, y: HEIGHT - 6, 'text-anchor': 'end' }, timeOfDay(data.to)),
  );
  const legend = el(
    'figcaption',
    {},
    el('strong', {}, data.title),
    ...data.lines.map(({ name, look }) => el('span', { class: `key ${look}` }, name)),
  );
  return el('figure', {}, legend, picture);
}

/** Lines at which steps began; those that stand close together have no room for their words. */
function marksOf({ marks, from, width }: Chart, x: (at: number) => number): SVGGElement[] {
  let free = LEFT;
  return marks
    .filter(([at]) => at >= from)
    .map(([at, text]) => {
      const isFree = x(at) >= free;
      if (isFree) free = x(at) + ROOM;
      return svg(
        'g',
        { class: 'mark' },
        svg('line', { x1: x(at), x2: x(at), y1: TOP, y2: HEIGHT - BOTTOM }),
        isFree ? svg('text', { x: Math.min(x(at), width - ROOM) + 3, y: TOP - 3 }, text) : undefined,
      );
    });
}

/** The moment of the verdict, above all else. */
function endOf({ end, from, to, width }: Chart, x: (at: number) => number): SVGGElement | undefined {
  if (end === undefined || end.at < from || end.at > to) return undefined;
  const at = x(end.at);
  // Words that would run out of the picture stand before the line.
  const isLate = at > width / 2;
  return svg(
    'g',
    { class: end.isBad ? 'end bad' : 'end' },
    svg('line', { x1: at, x2: at, y1: TOP, y2: HEIGHT - BOTTOM }),
    svg(
      'text',
      { x: at + (isLate ? -5 : 5), y: TOP + 12, 'text-anchor': isLate ? 'end' : 'start' },
      end.text,
    ),
  );
}

/** What a weight takes. */
const ROOM = 34;

/** The highest value that is shown: a round one above all. */
function scaleOf({ lines, least }: Chart): number {
  const most = Math.max(least, ...lines.flatMap(({ points }) => points.map(([, value]) => value ?? 0)));
  const power = 10 ** Math.floor(Math.log10(most));
  const step = [1, 2, 5, 10].find((one) => one * power >= most) ?? 10;
  return step * power;
}

function pathOf(
  { points, isOfSpans = false }: Line,
  x: (at: number) => number,
  y: (value: number) => number,
): string {
  let isOpen = false;
  return points
    .map(([at, value], index) => {
      if (value === null) {
        isOpen = false;
        return '';
      }
      const place = (time: number) => `${x(time).toFixed(1)},${y(Math.max(0, value)).toFixed(1)}`;
      const from = isOfSpans ? (points[index - 1]?.[0] ?? at) : at;
      const command = isOpen ? 'L' : 'M';
      isOpen = true;
      // A point alone is a dot.
      return `${command}${place(from)}${from === at ? 'h0' : `L${place(at)}`}`;
    })
    .join('');
}

function wordsOf({ title, lines, text }: Chart): string {
  const last = lines.map(({ name, points }) => {
    const value = points.findLast(([, one]) => one !== null)?.[1];
    return `${name} ${value === undefined || value === null ? 'unknown' : text(value)}`;
  });
  return `${title}: ${last.join(', ')}`;
}
