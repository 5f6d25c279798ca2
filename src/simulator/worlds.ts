import type { Enumerated } from './decide/enumerate.ts';
import { PARTS } from './decide/enumerate.ts';
import { AXES } from './decide/small-worlds.ts';
import { inThreads } from './threads.ts';
import type { Task } from './worker.ts';

/** What one line of the table tells. */
interface Row {
  readonly status: string;
  readonly worlds: number;
  /** Share of the worlds (0–1) in which traffic is routed anew. */
  readonly routed: number;
  /** Share of the worlds (0–1) in which there is nothing to do. */
  readonly nothing: number;
  readonly violations: number;
}

/**
 * Decides in all small worlds, and tells how many there are.
 * @returns the exit status: 1 where an invariant is broken
 */
export async function tellWorlds({ json, threads }: { json: boolean; threads: number }): Promise<number> {
  const startedAt = performance.now();
  const tasks = Array.from({ length: PARTS }, (_, part): Task => ({ worlds: part }));
  const rows: Row[] = [];
  const script = new URL('./worker.ts', import.meta.url);
  await inThreads<Enumerated>(script, tasks, threads, (part) => {
    rows.push(rowOf(AXES.status[rows.length] ?? '', part));
    for (const { sentence, place } of part.broken) print(`${sentence}: ${JSON.stringify(place)}`);
  });
  const worlds = rows.reduce((sum, row) => sum + row.worlds, 0);
  const violations = rows.reduce((sum, row) => sum + row.violations, 0);
  const perSecond = Math.round((worlds * 1000) / (performance.now() - startedAt));
  if (json) print(JSON.stringify({ worlds, violations, decisionsPerSecond: perSecond }));
  else {
    for (const line of table(rows)) print(line);
    print(`${worlds} small worlds, ${violations} violations, ${perSecond} decisions a second`);
  }
  return violations === 0 ? 0 : 1;
}

function rowOf(status: string, { worlds, effects, violations }: Enumerated): Row {
  const share = (effect: string) => (effects[effect] ?? 0) / worlds;
  return { status, worlds, routed: share('route'), nothing: share('none'), violations };
}

/** In Markdown, so that docs/reliability.md can show it as it is. */
function table(rows: readonly Row[]): string[] {
  const percent = (share: number) => `${Math.round(share * 100)}%`;
  return [
    '| What the status says | Small worlds | Routes anew | Nothing to do | Violations |',
    '| --- | --: | --: | --: | --: |',
    ...rows.map(
      ({ status, worlds, routed, nothing, violations }) =>
        `| ${[status, worlds, percent(routed), percent(nothing), violations].join(' | ')} |`,
    ),
  ];
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
