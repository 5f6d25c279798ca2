import { padded, shortened, widthOf } from './style.ts';

const GAP = '   ';

/**
 * Rows under a heading, as kubectl prints them.
 *
 * @param columns how wide the terminal is: the last column is shortened to fit; undefined where nothing is shortened
 */
export function table(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | undefined,
): string[] {
  const all = [heading, ...rows];
  const last = heading.length - 1;
  const widths = heading.map((_, at) => Math.max(...all.map((row) => widthOf(row[at] ?? ''))));
  const before = widths.slice(0, last).reduce((sum, width) => sum + width + GAP.length, 0);
  const room = columns === undefined ? Infinity : Math.max(MIN_LAST, columns - before);
  return all.map((row) =>
    heading
      .map((_, at) => {
        const cell = row[at] ?? '';
        if (at < last) return padded(cell, widths[at] ?? 0);
        return widthOf(cell) > room ? shortened(cell, room) : cell;
      })
      .join(GAP)
      .trimEnd(),
  );
}

/** A column that is shortened to less says nothing any more. */
const MIN_LAST = 12;
