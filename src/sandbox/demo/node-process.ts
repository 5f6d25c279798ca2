import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Clock, systemClock } from '../../kube/clock.ts';

const OPERATOR = fileURLToPath(new URL('../../main.ts', import.meta.url));
const COMMAND_LINE = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const STOP_MS = 5000;

export interface Surroundings {
  readonly kubeconfig: string;
  /** Gets what the process prints. */
  readonly logFile: string;
  /** Another program; for tests. */
  readonly program?: string;
  readonly clock?: Clock;
}

interface ProcessOptions extends Surroundings {
  /** As a sentence begins: `the operator`. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

/** The operator, as a process of its own with flags and a KUBECONFIG, as in production. */
export function operatorProcess(surroundings: Surroundings): NodeProcess {
  const anyPort = '127.0.0.1:0';
  const args = ['--metrics-address', anyPort, '--health-address', anyPort];
  return new NodeProcess({ program: OPERATOR, ...surroundings, name: 'the operator', args });
}

/** The dashboard, as `kubectl songbird dashboard` serves it. */
export function dashboardProcess(surroundings: Surroundings, port: number): NodeProcess {
  const args = ['dashboard', '--port', String(port)];
  return new NodeProcess({ program: COMMAND_LINE, ...surroundings, name: 'the dashboard', args });
}

/** A port of the loopback address that nobody has; it stays free unless somebody takes it at once. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A program of Songbird's, as a process of its own. */
export class NodeProcess {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #ended: Promise<string>;
  /** For an exit that cannot wait. */
  readonly #kill = () => {
    this.#child.kill('SIGKILL');
  };
  #stopping = false;
  /** Rejects when the process ends before it was told to. Never resolves. */
  readonly failed: Promise<never>;

  constructor({ name, program, args, kubeconfig, logFile, clock = systemClock }: ProcessOptions) {
    this.#clock = clock;
    const log = openSync(logFile, 'a');
    this.#child = spawn(
      process.execPath,
      [program, ...args],
      // A group of its own: Ctrl-C in the terminal is for the demo, which then stops the others in order.
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
        if (!this.#stopping) reject(new Error(`${name} ${how}`));
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
