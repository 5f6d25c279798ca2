import { type Clock, type Timer } from '../../kube/clock.ts';
import { type DemoEvent, type DemoResult, resultLine } from './events.ts';
import { counted, type Paint, painted, plain, thousands } from './text.ts';
import { render, type Snapshot } from './view.ts';
import { renderSummary } from './summary.ts';

/** Where the demo prints; a terminal has columns and rows. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

/** Shows the demo to someone. */
export interface Reporter {
  /** From now on there is a story to be drawn. */
  start(snapshot: () => Snapshot): void;
  tell(event: DemoEvent): void;
  /** The last picture, and what became of it all. */
  finish(result: DemoResult): void;
  /** Stops drawing; the terminal is as it was before. */
  stop(): void;
  /** For the reader, after the story: not for machines. */
  note(lines: readonly string[]): void;
}

export interface ReporterOptions {
  readonly output: Output;
  readonly clock: Clock;
  readonly json: boolean;
  readonly color: boolean;
}

const DEFAULT_COLUMNS = 80;
const WIDEST = 100;

/** JSON for machines, a live picture in a terminal, and plain lines elsewhere. */
export function createReporter(options: ReporterOptions): Reporter {
  if (options.json) return new JsonReporter(options);
  return options.output.isTTY === true ? new LiveReporter(options) : new PlainReporter(options);
}

/** Calls `action` again and again until stopped. */
class Ticker {
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(ms: number, action: () => void): void {
    this.#timer = this.#clock.after(ms, () => {
      this.start(ms, action);
      action();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

class JsonReporter implements Reporter {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #began: number;
  readonly #ticker: Ticker;

  constructor({ output, clock }: ReporterOptions) {
    this.#output = output;
    this.#clock = clock;
    this.#began = clock.monotonic();
    this.#ticker = new Ticker(clock);
  }

  start(snapshot: () => Snapshot): void {
    this.#ticker.start(1000, () => {
      this.tell(progressOf(snapshot()));
    });
  }

  tell(event: DemoEvent): void {
    const seconds = Math.round((this.#clock.monotonic() - this.#began) / 10) / 100;
    this.#output.write(`${JSON.stringify({ seconds, ...event })}\n`);
  }

  finish(result: DemoResult): void {
    this.stop();
    this.#output.write(`${resultLine(result)}\n`);
  }

  stop(): void {
    this.#ticker.stop();
  }

  note(): void {
    // Machines read events.
  }
}

function progressOf({ phase, versions }: Snapshot): Extract<DemoEvent, { event: 'progress' }> {
  const routed = versions.filter(({ role }) => role !== 'mesh');
  return {
    event: 'progress',
    phase,
    weights: Object.fromEntries(routed.map(({ version, weight }) => [version, weight])),
    requests: versions.reduce((sum, { requests }) => sum + requests, 0),
    failed: versions.reduce((sum, { failed }) => sum + failed, 0),
    versions: Object.fromEntries(
      versions.map(({ version, requests, failed }) => [version, { requests, failed }]),
    ),
  };
}

/** One line for everything that changes, and one now and then for the counts. */
class PlainReporter implements Reporter {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #began: number;
  readonly #ticker: Ticker;
  readonly #paint: Paint;
  #verdict: string | undefined;

  constructor({ output, clock, color }: ReporterOptions) {
    this.#output = output;
    this.#clock = clock;
    this.#began = clock.monotonic();
    this.#ticker = new Ticker(clock);
    this.#paint = color ? painted : plain;
  }

  start(snapshot: () => Snapshot): void {
    this.#ticker.start(2000, () => {
      const { requests, failed, weights } = progressOf(snapshot());
      if (requests === 0) return;
      const shares = Object.entries(weights).map(([version, weight]) => `${version} ${weight}%`);
      this.#line(`  ${shares.join(', ')}: ${counted(requests, 'request')}, ${thousands(failed)} failed`);
    });
  }

  tell(event: DemoEvent): void {
    if (event.event === 'verdict') this.#verdict = event.message;
    const text = sentenceOf(event, this.#verdict);
    if (text !== undefined) this.#line(text);
  }

  finish(result: DemoResult): void {
    this.stop();
    this.note(renderSummary(result, DEFAULT_COLUMNS, this.#paint));
  }

  stop(): void {
    this.#ticker.stop();
  }

  note(lines: readonly string[]): void {
    this.#output.write(`${lines.join('\n')}\n`);
  }

  #line(text: string): void {
    const at = ((this.#clock.monotonic() - this.#began) / 1000).toFixed(1);
    this.#output.write(`${at.padStart(5)} s  ${text}\n`);
  }
}

/** @param verdict the last one's sentence: it need not be said again */
function sentenceOf(event: DemoEvent, verdict: string | undefined): string | undefined {
  switch (event.event) {
    case 'starting':
      return 'A cluster in memory, a demo mesh and the operator are starting';
    case 'dashboard':
      return dashboardLine(event.url);
    case 'started':
      return `Started: KUBECONFIG=${event.kubeconfig}`;
    case 'applied': {
      const how =
        event.errorRate > 0 ? `, which fails ${Math.round(event.errorRate * 100)}% of its requests` : '';
      return `A user applies ${event.version} (${event.image})${how}`;
    }
    case 'phase':
      return verdict !== undefined && event.message.includes(verdict)
        ? event.phase
        : `${event.phase}: ${event.message}`;
    case 'weights': {
      const shares = Object.entries(event.weights).map(([version, weight]) => `${version} ${weight}%`);
      return `Traffic: ${shares.join(', ')}`;
    }
    case 'verdict':
      // Each window begins without one, and that is no news.
      return event.verdict === 'Inconclusive' ? undefined : `Verdict ${event.verdict}: ${event.message}`;
    case 'ended':
      return `${event.version} is ${event.outcome}: ${thousands(event.failed)} of ${counted(event.requests, 'request')} failed`;
    case 'progress':
    case 'failed':
      return undefined;
  }
}

function dashboardLine(url: string): string {
  return `Watch it in a browser: ${url}`;
}

/** Redraws one picture in place. */
class LiveReporter implements Reporter {
  readonly #output: Output;
  readonly #ticker: Ticker;
  readonly #paint: Paint;
  #snapshot: (() => Snapshot) | undefined;
  #dashboard: string | undefined;
  #drawn = 0;
  #drawnColumns = 0;

  constructor({ output, clock, color }: ReporterOptions) {
    this.#output = output;
    this.#ticker = new Ticker(clock);
    this.#paint = color ? painted : plain;
  }

  start(snapshot: () => Snapshot): void {
    this.#snapshot = snapshot;
    // The cursor would flicker.
    this.#output.write('\u001b[?25l');
    this.#draw();
    this.#ticker.start(125, () => {
      this.#draw();
    });
  }

  tell(event: DemoEvent): void {
    if (event.event === 'starting') this.#output.write('Starting a cluster, a mesh and the operator …\n');
    if (event.event === 'dashboard') this.#dashboard = event.url;
  }

  finish(result: DemoResult): void {
    this.#draw();
    this.stop();
    this.note(renderSummary(result, this.#columns(), this.#paint));
  }

  stop(): void {
    this.#ticker.stop();
    if (this.#snapshot === undefined) return;
    this.#snapshot = undefined;
    this.#output.write('\u001b[?25h');
  }

  note(lines: readonly string[]): void {
    this.#output.write(`${lines.join('\n')}\n`);
  }

  #columns(): number {
    return Math.min(this.#output.columns ?? DEFAULT_COLUMNS, WIDEST);
  }

  #draw(): void {
    if (this.#snapshot === undefined) return;
    const columns = this.#columns();
    // Above all else, and there from when it is known.
    const head =
      this.#dashboard === undefined ? ['', ''] : [dashboardLine(this.#dashboard).slice(0, columns - 1), ''];
    const lines = [...head, ...render(this.#snapshot(), columns - 1, this.#paint)]
      .slice(0, (this.#output.rows ?? Infinity) - 1)
      .map((line) => `${line}\u001b[K\n`);
    // Lines of another width have wrapped, so that nobody knows any more how high the picture is.
    const again = this.#drawnColumns !== 0 && this.#drawnColumns !== columns;
    const home = again ? '\u001b[2J\u001b[H' : this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A`;
    this.#output.write(`${home}${lines.join('')}\u001b[J`);
    this.#drawn = lines.length;
    this.#drawnColumns = columns;
  }
}
