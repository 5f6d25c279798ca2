import { formatDuration } from '../../api/index.ts';
import { type Child, type Markup, el } from './markup.ts';

export type Look = 'candidate' | 'stable' | 'limit' | 'weight';

/** One line of a chart; a gap where a value is undefined. */
export interface Line {
  readonly name: string;
  readonly look: Look;
  /** ms since the epoch, and the value. */
  readonly points: readonly (readonly [at: number, value: number | undefined])[];
  /** Each value holds until the next one. */
  readonly isStair?: boolean;
}

/** A moment that is marked in every chart. */
export interface Mark {
  readonly at: number;
  readonly text: string;
  readonly look: 'step' | 'good' | 'bad' | 'open';
}

export interface Chart {
  readonly id: string;
  readonly title: string;
  /** What is to be seen, for those who do not see it. */
  readonly words: string;
  readonly lines: readonly Line[];
  readonly marks: readonly Mark[];
  readonly text: (value: number) => string;
  /** Values are powers of ten: a level stands at each whole one. */
  readonly isLog?: boolean;
  /** The values between which there is room at least. */
  readonly room: readonly [least: number, most: number];
  readonly from: number;
  readonly to: number;
}

const WIDTH = 760;
const HEIGHT = 200;
const LEFT = 64;
const RIGHT = 14;
const TOP = 34;
const BOTTOM = 26;
/** What the text of a mark takes. */
const LETTER = 7;

/** A chart as a picture with its legend. */
export function chart(data: Chart): Markup {
  const [bottom, top] = scaleOf(data);
  const x = (at: number) =>
    LEFT + ((at - data.from) / Math.max(1, data.to - data.from)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) =>
    HEIGHT - BOTTOM - ((value - bottom) / (top - bottom)) * (HEIGHT - BOTTOM - TOP);
  const picture = el(
    'svg',
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: 'img',
      'aria-labelledby': `${data.id}-title ${data.id}-words`,
    },
    el('title', { id: `${data.id}-title` }, data.title),
    el('desc', { id: `${data.id}-words` }, data.words),
    levelsOf(data, bottom, top).map((value) => level(value, y, data.text)),
    ticksOf(data.from, data.to).map(([at, text]) => tick(x(at), text)),
    marksOf(data, x),
    data.lines.map(({ look, points, isStair }) =>
      el('path', { class: `line ${look}`, d: pathOf(points, x, y, isStair === true) }),
    ),
  );
  return el(
    'figure',
    {},
    el(
      'figcaption',
      {},
      el('strong', {}, data.title),
      data.lines.map(({ name, look }) => el('span', { class: 'key' }, swatch(look), name)),
    ),
    picture,
  );
}

function levelsOf({ isLog }: Chart, bottom: number, top: number): number[] {
  if (isLog !== true) return [0, 0.5, 1].map((share) => bottom + (top - bottom) * share);
  const unit = Math.ceil((top - bottom) / MOST_LEVELS);
  return Array.from({ length: Math.floor((top - bottom) / unit) + 1 }, (_, index) => bottom + index * unit);
}

/** Levels that have room one above the other. */
const MOST_LEVELS = 5;

function level(value: number, y: (value: number) => number, text: Chart['text']): Markup {
  return el(
    'g',
    { class: 'grid' },
    el('line', { x1: LEFT, x2: WIDTH - RIGHT, y1: round(y(value)), y2: round(y(value)) }),
    el('text', { x: LEFT - 8, y: round(y(value) + 4), 'text-anchor': 'end' }, text(value)),
  );
}

function tick(x: number, text: string): Markup {
  const isEnd = x > WIDTH - RIGHT - 20;
  const anchor = isEnd ? 'end' : x < LEFT + 10 ? 'start' : 'middle';
  return el('text', { class: 'axis', x: round(x), y: HEIGHT - 8, 'text-anchor': anchor }, text);
}

function swatch(look: Look): Markup {
  return el(
    'svg',
    { width: 26, height: 10, viewBox: '0 0 26 10', 'aria-hidden': 'true' },
    el('path', { class: `line ${look}`, d: 'M1,5L25,5' }),
  );
}

/** Steps have their words in one row, the verdict in one of its own above: it is never left out. */
function marksOf({ marks, from, to }: Chart, x: (at: number) => number): Child {
  let free = 0;
  return marks
    .filter(({ at }) => at >= from && at <= to)
    .map(({ at, text, look }) => {
      const isStep = look === 'step';
      const width = text.length * LETTER;
      const isFree = !isStep || x(at) >= free;
      if (isStep && isFree) free = x(at) + width + LETTER;
      const isNearEnd = x(at) + width > WIDTH - RIGHT;
      return el(
        'g',
        { class: `mark ${look}` },
        el('line', { x1: round(x(at)), x2: round(x(at)), y1: isStep ? TOP : TOP - 14, y2: HEIGHT - BOTTOM }),
        isFree
          ? el(
              'text',
              {
                x: round(x(at) + (isNearEnd ? -3 : 3)),
                y: isStep ? TOP - 4 : TOP - 20,
                'text-anchor': isNearEnd ? 'end' : 'start',
              },
              text,
            )
          : undefined,
      );
    });
}

const UNITS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400].map(
  (seconds) => seconds * 1000,
);
const MOST_TICKS = 8;

/** Round times since the beginning. */
function ticksOf(from: number, to: number): (readonly [at: number, text: string])[] {
  const length = to - from;
  const unit = UNITS_MS.find((one) => length / one <= MOST_TICKS) ?? length;
  const count = unit <= 0 ? 0 : Math.floor(length / unit);
  return Array.from({ length: count + 1 }, (_, index) => {
    const ms = index * unit;
    return [from + ms, ms === 0 ? '0' : formatDuration(ms)];
  });
}

/** From the lowest value that is shown to the highest: round ones around all. */
function scaleOf({ lines, isLog, room: [least, most] }: Chart): readonly [number, number] {
  const values = lines.flatMap(({ points }) => points.flatMap(([, value]) => value ?? []));
  if (isLog === true) return [Math.floor(Math.min(least, ...values)), Math.ceil(Math.max(most, ...values))];
  return [Math.min(least, -rounded(-Math.min(least, ...values))), rounded(Math.max(most, ...values))];
}

function rounded(value: number): number {
  if (value <= 0) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 3, 4, 5, 6, 8, 10].find((one) => one * power >= value - power * 1e-9) ?? 10) * power;
}

function pathOf(
  points: Line['points'],
  x: (at: number) => number,
  y: (value: number) => number,
  isStair: boolean,
): string {
  let isOpen = false;
  return points
    .map(([at, value]) => {
      if (value === undefined) {
        isOpen = false;
        return '';
      }
      const move = !isOpen ? 'M' : isStair ? `H${round(x(at))}L` : 'L';
      isOpen = true;
      return `${move}${round(x(at))},${round(y(value))}`;
    })
    .join('');
}

function round(value: number): number {
  return Number(value.toFixed(1));
}
