import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock as clock } from '../../kube/clock.ts';
import { type Args, HELP, parseArgs } from './args.ts';
import { type DemoResult, isSuccess } from './events.ts';
import { keepRunning } from './keep.ts';
import { readShop } from './manifests.ts';
import { createReporter, type Reporter } from './reporters.ts';
import { Story } from './story.ts';
import { startWorld, type World } from './world.ts';

const PER_SECOND = 200;
/** Each part of the story has a limit of its own; this one is for what has none. */
const LIMIT_MS = 240_000;
const STRAGGLERS_MS = 3000;
/** Whoever waits so long for the processor can't keep up with the load. */
const HELD_UP_MS = 500;
const EXIT = { success: 0, failure: 1, usage: 2, interrupted: 130 };

const delays = monitorEventLoopDelay();

/** Runs the demo; resolves with the exit status. */
async function demo(args: Args, reporter: Reporter, interrupt: AbortSignal): Promise<number> {
  const faults = new Set<string>();
  const onError = (error: unknown) => {
    faults.add(messageOf(error));
  };
  let world: World | undefined;
  let dashboard: string | undefined;
  let wrong = false;
  delays.enable();
  try {
    reporter.tell({ event: 'starting' });
    world = await startWorld({
      perSecond: PER_SECOND,
      onError,
      onDashboard: (url) => {
        dashboard = url;
        reporter.tell({ event: 'dashboard', url });
      },
    });
    const result = await within(LIMIT_MS, tellStory(world, reporter, interrupt, onError));
    reporter.finish(result);
    wrong = !isSuccess(result);
    if (wrong) complain('The demo did not end as it should.', faults, world);
    if (args.keep) {
      const { client, kubeconfig, mesh } = world;
      const print = reporter.note.bind(reporter);
      await keepRunning(
        { client, clock, kubeconfig, dashboard, frontPort: mesh.port, print, onError },
        interrupt,
      );
    }
    return wrong ? EXIT.failure : EXIT.success;
  } catch (error) {
    reporter.stop();
    if (interrupt.aborted) return EXIT.interrupted;
    wrong = true;
    reporter.tell({ event: 'failed', message: messageOf(error), operatorLog: world?.operatorLog });
    complain(`The demo failed: ${messageOf(error)}`, faults, world);
    return EXIT.failure;
  } finally {
    delays.disable();
    await world?.close(wrong);
  }
}

async function tellStory(
  world: World,
  reporter: Reporter,
  interrupt: AbortSignal,
  onError: (error: unknown) => void,
): Promise<DemoResult> {
  const { client, load, mesh, operator, kubeconfig } = world;
  reporter.tell({ event: 'started', kubeconfig, frontPort: mesh.port, requestsPerSecond: PER_SECOND });
  const story = new Story({
    client,
    clock,
    manifest: await readShop(),
    load,
    mesh,
    operatorFailed: operator.failed,
    perSecond: PER_SECOND,
    onError,
    tell: reporter.tell.bind(reporter),
  });
  reporter.start(() => story.snapshot());
  return story.play(interrupt);
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = clock.after(ms, () => {
    late.reject(new Error(`it was not over after ${ms / 1000} s`));
  });
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    timer.cancel();
  }
}

function complain(what: string, faults: ReadonlySet<string>, world: World | undefined): void {
  const lines = [what, ...[...faults].map((fault) => `  besides: ${fault}`)];
  const heldUpMs = delays.max / 1e6;
  if (heldUpMs > HELD_UP_MS) {
    const longest = (heldUpMs / 1000).toFixed(1);
    lines.push(`This process had to wait for a processor, ${longest} s at the longest: the machine is busy`);
  }
  if (world !== undefined) lines.push(`The operator's log: ${world.operatorLog}`);
  process.stderr.write(`\n${lines.join('\n')}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Aborts at the first Ctrl-C or the like; the second doesn't wait for an orderly end. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted);
      controller.abort();
    });
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    controller.abort();
  });
  return controller.signal;
}

async function main(): Promise<number> {
  let args: Args;
  try {
    args = parseArgs(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    return EXIT.usage;
  }
  if (args.help) {
    process.stdout.write(HELP);
    return EXIT.success;
  }
  const color =
    process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';
  const reporter = createReporter({ output: process.stdout, clock, json: args.json, color });
  return demo(args, reporter, interruption());
}

process.exitCode = await main();
// Nothing should be left that keeps the process; if something is, the user shall not have to wait for it.
setTimeout(() => process.exit(), STRAGGLERS_MS).unref();
