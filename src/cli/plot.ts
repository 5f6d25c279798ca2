const LEVELS = ' ▁▂▃▄▅▆▇█';

/**
 * A curve of text: one column for each value from 0 to 1, `rows` lines high, with an axis.
 * @param from what stands below the first column
 * @param to what stands below the last one
 */
export function curve(values: readonly number[], rows: number, from: string, to: string): string[] {
  const lines = Array.from({ length: rows }, (_, row) => {
    const cells = values.map((value) => {
      const eighths = Math.round(value * rows * 8) - (rows - 1 - row) * 8;
      return LEVELS[Math.min(8, Math.max(0, eighths))];
    });
    const mark = row === 0 ? '100%' : row === rows - 1 ? '  0%' : '    ';
    return `${mark} │${cells.join('')}`;
  });
  const space = ' '.repeat(Math.max(1, values.length - from.length - to.length));
  return [...lines, `     └${'─'.repeat(values.length)}`, `      ${from}${space}${to}`];
}

/** For each of `columns` equal parts of `span`: the share (0–1) of all that had happened at its end. */
export function cumulative(times: readonly number[], all: number, span: number, columns: number): number[] {
  return Array.from({ length: columns }, (_, column) => {
    const end = (span * (column + 1)) / columns;
    return all === 0 ? 0 : times.filter((time) => time <= end).length / all;
  });
}
