/** A line that is in both texts, or in one of them alone. */
export interface DiffLine {
  readonly sign: ' ' | '-' | '+';
  readonly line: string;
}

/** What turns one text into another, by lines: the longest common subsequence stays (Wagner and Fischer 1974). */
export function diffOf(before: readonly string[], after: readonly string[]): DiffLine[] {
  const common = lengths(before, after);
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [a, b] = [before[i], after[j]];
    if (a !== undefined && a === b) {
      lines.push({ sign: ' ', line: a });
      i += 1;
      j += 1;
    } else if (
      a !== undefined &&
      (b === undefined || (common[i + 1]?.[j] ?? 0) >= (common[i]?.[j + 1] ?? 0))
    ) {
      lines.push({ sign: '-', line: a });
      i += 1;
    } else {
      lines.push({ sign: '+', line: b ?? '' });
      j += 1;
    }
  }
  return lines;
}

/** By the places at which both texts are begun: how many lines they have in common from there on. */
function lengths(before: readonly string[], after: readonly string[]): number[][] {
  const table = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0));
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const row = table[i];
      if (row === undefined) continue;
      row[j] =
        before[i] === after[j]
          ? (table[i + 1]?.[j + 1] ?? 0) + 1
          : Math.max(table[i + 1]?.[j] ?? 0, row[j + 1] ?? 0);
    }
  }
  return table;
}

/** The lines that differ, with so many around each; `…` stands for what is left out. */
export function shortDiff(lines: readonly DiffLine[], around: number): string[] {
  const kept = lines.map((_, at) =>
    lines.slice(Math.max(0, at - around), at + around + 1).some(({ sign }) => sign !== ' '),
  );
  return lines.flatMap(({ sign, line }, at) => {
    if (kept[at] === true) return [`${sign} ${line}`];
    return at === 0 || kept[at - 1] === true ? ['…'] : [];
  });
}
