import type { Verdict } from '../../api/index.ts';
import { formatPercent } from '../../api/index.ts';
import { fit, type Paint, pad, thousands, widthOf, wrap } from './text.ts';

/** One part of the demo, as it stands. */
export interface Act {
  readonly title: string;
  readonly state: 'todo' | 'doing' | 'done' | 'wrong';
  readonly detail: string;
}

/** One version of the app: its share of the traffic (percent), and its requests in this part of the demo. */
export interface VersionRow {
  readonly version: string;
  readonly role: 'stable' | 'new' | 'mesh';
  readonly weight: number;
  readonly perSecond: number;
  readonly requests: number;
  readonly failed: number;
}

/** Everything that one picture of the demo shows. */
export interface Snapshot {
  readonly elapsedMs: number;
  readonly perSecond: number;
  readonly acts: readonly Act[];
  /** Weights of the steps, in order. */
  readonly steps: readonly number[];
  readonly versions: readonly VersionRow[];
  readonly phase: string;
  readonly message: string;
  readonly verdict: Verdict | undefined;
  readonly verdictMessage: string;
}

const MARKS: Record<Act['state'], string> = { todo: '○', doing: '●', done: '✓', wrong: '✗' };
const COLUMNS = { version: 11, traffic: 9, perSecond: 12, requests: 10, errors: 16 };
const TALL_FROM = 60;
const ACT_COLUMN = 34;
const LABEL_COLUMN = 15;

/** Draws one picture, at most `width` columns wide. Its height depends on the width and the versions alone. */
export function render(snapshot: Snapshot, width: number, paint: Paint): string[] {
  const lines = [
    ...header(snapshot, width, paint),
    '',
    ...snapshot.acts.map((act) => actLine(act, width, paint)),
    '',
    ...trafficBar(snapshot, width, paint),
    '',
    ...table(snapshot.versions, width, paint),
    '',
    ...sentences(snapshot, width, paint),
  ];
  return lines.map((line) => fit(line, width));
}

function header({ elapsedMs, perSecond }: Snapshot, width: number, paint: Paint): string[] {
  const whole = Math.floor(elapsedMs / 1000);
  const clock = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
  const what = width < TALL_FROM ? 'shop' : `shop, under ${perSecond} requests a second over real HTTP`;
  return [pad(`${paint('bold', 'Songbird demo')}  ${paint('dim', what)}`, width - clock.length) + clock];
}

function actLine({ title, state, detail }: Act, width: number, paint: Paint): string {
  const style = { todo: 'dim', doing: 'cyan', done: 'green', wrong: 'red' } as const;
  const mark = paint(style[state], MARKS[state]);
  const text = state === 'todo' ? paint('dim', title) : title;
  if (width < TALL_FROM) return ` ${mark} ${text}`;
  return ` ${mark} ${pad(text, ACT_COLUMN)} ${paint('dim', detail)}`;
}

/** The candidate's share from the left, the stable version's from the right, and the steps below. */
function trafficBar({ versions, steps, verdict }: Snapshot, width: number, paint: Paint): string[] {
  const stable = versions.find(({ role }) => role === 'stable');
  const candidate = versions.find(({ role }) => role === 'new');
  const left = pad(candidate?.version ?? '', 3, 'left');
  const right = stable?.version ?? '';
  const size = Math.max(10, width - widthOf(left) - widthOf(right) - 4);
  const share = candidate?.weight ?? 0;
  // Whoever has any traffic at all is to be seen.
  const cells =
    share <= 0 ? 0 : share >= 100 ? size : Math.min(size - 1, Math.max(1, Math.round((size * share) / 100)));
  const bar =
    paint(verdict === 'Fail' ? 'red' : 'green', '█'.repeat(cells)) + paint('dim', '░'.repeat(size - cells));
  let marks = '';
  for (const step of steps) {
    const label = `${step}%`;
    const end = Math.max(label.length, Math.round((size * step) / 100));
    if (end - label.length < marks.length + (marks === '' ? 0 : 1)) continue;
    marks = pad(marks, end - label.length) + label;
  }
  return [` ${left} ${bar} ${right}`, paint('dim', `${' '.repeat(widthOf(left) + 2)}${marks}`)];
}

function table(versions: readonly VersionRow[], width: number, paint: Paint): string[] {
  const wide = width >= TALL_FROM;
  const heading = row(['', 'traffic', 'requests/s', 'requests', wide ? 'errors' : 'err'], wide);
  return [
    paint('dim', heading),
    ...versions.map(({ version, role, weight, perSecond, requests, failed }) => {
      const share = failed > 0 && wide ? ` ${formatPercent(failed / requests).padStart(6)}` : '';
      const errors = paint(failed > 0 ? 'red' : 'green', thousands(failed) + share);
      const name = `${paint('bold', version)} ${paint('dim', role === 'mesh' ? '' : role)}`;
      return row(
        [name, role === 'mesh' ? '' : `${weight}%`, thousands(perSecond), thousands(requests), errors],
        wide,
      );
    }),
  ];
}

function row(
  [name = '', traffic = '', perSecond = '', requests = '', errors = '']: string[],
  wide: boolean,
): string {
  const cells = [
    ` ${pad(name, COLUMNS.version)}`,
    pad(traffic, COLUMNS.traffic, 'left'),
    ...(wide ? [pad(perSecond, COLUMNS.perSecond, 'left')] : []),
    pad(requests, COLUMNS.requests, 'left'),
    pad(errors, wide ? COLUMNS.errors : 7, 'left'),
  ];
  return cells.join('');
}

function sentences(
  { phase, message, verdict, verdictMessage }: Snapshot,
  width: number,
  paint: Paint,
): string[] {
  const style = { Pass: 'green', Fail: 'red', Inconclusive: 'yellow' } as const;
  return [
    ...labelled(paint('bold', phase), message, width),
    ...labelled(verdict === undefined ? '' : paint(style[verdict], verdict), verdictMessage, width),
  ];
}

/** Always the same number of lines, so that the picture doesn't jump. */
function labelled(label: string, text: string, width: number): string[] {
  const height = width < TALL_FROM ? 4 : 2;
  const lines = wrap(text, Math.max(10, width - LABEL_COLUMN - 1), height);
  return Array.from(
    { length: height },
    (_, index) => ` ${pad(index === 0 ? label : '', LABEL_COLUMN - 1)}${lines[index] ?? ''}`,
  );
}
