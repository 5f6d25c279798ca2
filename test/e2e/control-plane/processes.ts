import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

// Reads "+ PID" and "- PID"; when its input ends, because we stopped or were killed, it ends what is left.
const WATCHDOG = `
pids=
while read -r op pid; do
  if [ "$op" = + ]; then pids="$pids $pid"; continue; fi
  left=
  for p in $pids; do [ "$p" = "$pid" ] || left="$left $p"; done
  pids=$left
done
[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
rm -rf "$1"`;

/** One running program; its output goes to `logFile`. */
export interface Program {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when it has ended, with a phrase that says how. */
  readonly ended: Promise<string>;
}

/**
 * Programs that end with this process, however it ends (SIGKILL too), and whose directory is removed with them. They
 * have their own session, so that Ctrl-C reaches only this process.
 */
export class Processes {
  readonly #dir: string;
  readonly #watchdog: ChildProcess;
  readonly #running = new Map<Program, ChildProcess>();

  constructor(dir: string) {
    this.#dir = dir;
    this.#watchdog = spawn('sh', ['-c', WATCHDOG, 'watchdog', dir], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#watchdog.stdin?.on('error', () => undefined);
    this.#watchdog.unref();
  }

  /** Starts a program; output is appended to `NAME.log` in the directory. */
  async start(name: string, command: string, args: readonly string[]): Promise<Program> {
    const logFile = join(this.#dir, `${name}.log`);
    const log = openSync(logFile, 'a');
    const child = spawn(command, args, { detached: true, cwd: this.#dir, stdio: ['ignore', log, log] });
    closeSync(log);
    const ended = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => {
        resolve(signal === null ? `exit status ${code ?? '?'}` : `signal ${signal}`);
      });
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => {
        reject(new Error(`cannot start ${name} (${command}): ${error.message}`, { cause: error }));
      });
    });
    const program: Program = { name, pid: child.pid ?? -1, logFile, ended };
    this.#running.set(program, child);
    this.#watchdog.stdin?.write(`+ ${program.pid}\n`);
    child.once('exit', () => {
      this.#running.delete(program);
      this.#watchdog.stdin?.write(`- ${program.pid}\n`);
    });
    return program;
  }

  /** Sends SIGTERM, and SIGKILL when it hasn't ended within `graceMs`; resolves when it has ended. */
  async stop(program: Program, graceMs: number): Promise<void> {
    const child = this.#running.get(program);
    if (child === undefined) return;
    child.kill('SIGTERM');
    const patience = new AbortController();
    const timeout = delay(graceMs, 'late', { signal: patience.signal }).catch(() => 'ended');
    if ((await Promise.race([program.ended, timeout])) === 'late') child.kill('SIGKILL');
    patience.abort();
    await program.ended;
  }

  /** Ends everything and removes the directory. */
  async close(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((program) => this.stop(program, 0)));
    const gone = new Promise((resolve) => this.#watchdog.once('exit', resolve));
    this.#watchdog.ref();
    this.#watchdog.stdin?.end();
    await gone;
  }
}

/**
 * Asks `probe` until it answers true.
 * @throws when `program` ends or `limitMs` pass, with the end of the program's log
 */
export async function until(program: Program, limitMs: number, probe: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + limitMs;
  let how: string | undefined;
  void program.ended.then((text) => {
    how = text;
  });
  let last = '';
  while (how === undefined && performance.now() < deadline) {
    try {
      if (await probe()) return;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await delay(50);
  }
  const what = how === undefined ? `was not ready within ${limitMs / 1000} s (${last})` : `ended: ${how}`;
  const log = await readFile(program.logFile, 'utf8').catch(() => '');
  throw new Error(`${program.name} ${what}. The end of its log:\n${log.split('\n').slice(-30).join('\n')}`);
}
