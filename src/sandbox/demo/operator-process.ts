import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Clock, systemClock } from '../../kube/clock.ts';

const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url));
const STOP_MS = 5000;

export interface OperatorOptions {
  readonly kubeconfig: string;
  /** Gets everything that the operator prints. */
  readonly logFile: string;
  /** The operator's program; for tests. */
  readonly program?: string;
  readonly clock?: Clock;
}

/** The operator, as a process of its own with flags and a KUBECONFIG, as in production. */
export class OperatorProcess {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #ended: Promise<string>;
  /** For an exit that cannot wait. */
  readonly #kill = () => {
    this.#child.kill('SIGKILL');
  };
  #stopping = false;
  /** Rejects when the operator ends before it was told to. Never resolves. */
  readonly failed: Promise<never>;

  constructor({ kubeconfig, logFile, program = MAIN, clock = systemClock }: OperatorOptions) {
    this.#clock = clock;
    const log = openSync(logFile, 'a');
    const anyPort = '127.0.0.1:0';
    this.#child = spawn(
      process.execPath,
      [program, '--metrics-address', anyPort, '--health-address', anyPort],
      // A group of its own: Ctrl-C in the terminal is for the demo, which then stops the operator in order.
      { stdio: ['ignore', log, log], env: { ...process.env, KUBECONFIG: kubeconfig }, detached: true },
    );
    closeSync(log);
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        resolve(`could not be started: ${error.message}`);
      });
      this.#child.once('exit', (code, signal) => {
        resolve(code === null ? `was ended by ${signal ?? 'a signal'}` : `ended with exit status ${code}`);
      });
    });
    process.once('exit', this.#kill);
    this.failed = new Promise((_, reject) => {
      void this.#ended.then((how) => {
        if (!this.#stopping) reject(new Error(`the operator ${how}`));
      });
    });
    // Whoever waits for something races it with this; at other times nobody listens.
    this.failed.catch(() => undefined);
  }

  /** Asks it to end, and makes it end when it takes too long. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null)
      return;
    this.#child.kill('SIGTERM');
    const timer = this.#clock.after(STOP_MS, () => this.#child.kill('SIGKILL'));
    await this.#ended;
    timer.cancel();
    process.off('exit', this.#kill);
  }
}
