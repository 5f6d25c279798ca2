/** A table in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A share as percent, two digits. */
export function percent(share: number | undefined): string {
  if (share === undefined || Number.isNaN(share)) return '';
  return `${Number((100 * share).toPrecision(2))}%`;
}

/** A number as people write it, two or three digits. */
export function figure(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '';
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(value >= 100 ? 3 : 2)));
}

export function seconds(value: number | undefined): string {
  return value === undefined ? '' : `${figure(value)} s`;
}

export function times(value: number | undefined): string {
  return value === undefined ? '' : `${value.toFixed(2)} ×`;
}
