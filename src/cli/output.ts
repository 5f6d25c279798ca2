/** Where a command writes: lines for people or programs, and lines about what is wrong. */
export interface Output {
  readonly print: (line: string) => void;
  readonly complain: (line: string) => void;
  /** How wide the terminal is; undefined where there is none. */
  readonly columns?: number | undefined;
  /** True where colours are wanted. */
  readonly color?: boolean | undefined;
  /** Puts lines in place of those that were put there last; undefined where nobody looks on. */
  readonly redraw?: ((lines: readonly string[]) => void) | undefined;
}

/** Whether the person at a terminal wants colours: not with NO_COLOR (no-color.org), nor on a dumb terminal. */
export function wantsColor(env: Readonly<Record<string, string | undefined>>): boolean {
  const { NO_COLOR: no = '', TERM: term } = env;
  return no === '' && term !== 'dumb';
}

/**
 * `redraw` for a terminal: goes back over the lines that it wrote last.
 *
 * @param rows how high the terminal is: nobody can go back over what has scrolled away
 */
export function redrawer(
  write: (text: string) => void,
  rows: () => number,
): (lines: readonly string[]) => void {
  let drawn = 0;
  return (all) => {
    const lines = all.slice(0, Math.max(1, rows() - 1));
    const up = drawn === 0 ? '' : `\u001b[${drawn}A`;
    const text = lines.map((line) => `${line}\u001b[K\n`).join('');
    // What is left of a longer picture goes, too.
    write(`${up}\r${text}\u001b[J`);
    drawn = lines.length;
  };
}
