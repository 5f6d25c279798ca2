/** Colours and shapes for a terminal, and texts that fit into one. */

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Marks a text with a style, or leaves it alone where colours are off. */
export type Paint = (style: Style, text: string) => string;

const CODES: Record<Style, [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

const ESCAPE = '\u001b';

export const painted: Paint = (style, text) =>
  `${ESCAPE}[${CODES[style][0]}m${text}${ESCAPE}[${CODES[style][1]}m`;

export const plain: Paint = (_, text) => text;

/** Splits a styled text into its visible characters and its escape sequences. */
function pieces(text: string): { text: string; visible: boolean }[] {
  const sequence = new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'g');
  const found: { text: string; visible: boolean }[] = [];
  let from = 0;
  for (const match of text.matchAll(sequence)) {
    for (const char of text.slice(from, match.index)) found.push({ text: char, visible: true });
    found.push({ text: match[0], visible: false });
    from = match.index + match[0].length;
  }
  for (const char of text.slice(from)) found.push({ text: char, visible: true });
  return found;
}

/** How many columns a styled text takes. */
export function widthOf(text: string): number {
  return pieces(text).filter(({ visible }) => visible).length;
}

/** Cuts a styled text to `width` columns; what is cut shows as `…`. Styles end where they would have. */
export function fit(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let left = Math.max(0, width - 1);
  let cut = '';
  let dots = width > 0;
  for (const piece of pieces(text)) {
    if (!piece.visible) cut += piece.text;
    else if (left > 0) {
      cut += piece.text;
      left -= 1;
    } else if (dots) {
      cut += '…';
      dots = false;
    }
  }
  return cut;
}

/** Fills a styled text up with spaces. */
export function pad(text: string, width: number, side: 'left' | 'right' = 'right'): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return side === 'right' ? text + space : space + text;
}

/** Breaks a plain text into at most `lines` lines of `width` columns, at spaces. */
export function wrap(text: string, width: number, lines: number): string[] {
  const wrapped: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      wrapped.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  if (line !== '') wrapped.push(line);
  const kept = wrapped.slice(0, lines).map((one) => fit(one, width));
  const last = kept.at(-1);
  if (wrapped.length > lines && last !== undefined) {
    kept[kept.length - 1] = fit(`${last} ${'…'.repeat(width)}`, width).replace(/ ?…+$/, '…');
  }
  return kept;
}

/** 12345 as `12 345`. */
export function thousands(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** `1 request`, `12 345 requests`. */
export function counted(count: number, what: string): string {
  return `${thousands(count)} ${what}${count === 1 ? '' : 's'}`;
}

/** Milliseconds as `2.9 s`, and from ten seconds on `18 s`. */
export function seconds(ms: number): string {
  return `${ms < 10_000 ? (ms / 1000).toFixed(1) : Math.round(ms / 1000)} s`;
}
