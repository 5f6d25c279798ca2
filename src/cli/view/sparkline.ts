const LEVELS = '▁▂▃▄▅▆▇█';

/**
 * A curve in one line: the latest values, as many as there is room for. All curves of one picture have the same `top`, so
 * that they can be compared.
 *
 * @param values undefined where nothing is known
 * @param top the value of the highest level
 */
export function sparkline(values: readonly (number | undefined)[], top: number, width: number): string {
  const shown = values.slice(-width);
  const cells = shown.map((value) => {
    if (value === undefined) return ' ';
    const level = top <= 0 ? 0 : Math.min(1, Math.max(0, value / top));
    return LEVELS[Math.round(level * (LEVELS.length - 1))] ?? ' ';
  });
  return cells.join('').padStart(width);
}

/** A bar of so many cells, filled to a share (0–1). Anything above nothing shows. */
export function bar(share: number, width: number): string {
  const whole = Math.min(1, Math.max(0, share)) * width;
  const filled = share > 0 ? Math.max(1, Math.round(whole)) : 0;
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}
