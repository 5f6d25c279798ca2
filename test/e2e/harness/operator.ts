import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../control-plane/processes.ts';
import type { Processes, Program } from '../control-plane/processes.ts';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');
const READY_MS = 60_000;
const GRACE_MS = 20_000;

export interface OperatorOptions {
  readonly processes: Processes;
  /** The directory of `processes`, where the log is. */
  readonly dir: string;
  readonly kubeconfig: string;
  /** Flags of src/main.ts. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it answers `/readyz`, as the flags say. */
  readonly healthUrl: string;
  /** Name of the process and of its log; two replicas need two. */
  readonly name?: string;
}

/** The operator as it runs in production: a process of its own, `node src/main.ts`. */
export class OperatorProcess {
  readonly #options: OperatorOptions;
  #program: Program | undefined;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  get pid(): number {
    if (this.#program === undefined) throw new Error('the operator is not running');
    return this.#program.pid;
  }

  /** Starts it, or starts it again after a stop or kill; resolves when `/readyz` answers 200. */
  async start(): Promise<void> {
    const { processes, kubeconfig, args = [], env = {}, healthUrl, name = 'operator' } = this.#options;
    if (this.#program !== undefined) throw new Error(`${name} runs already`);
    const variables = Object.entries({ ...env, KUBECONFIG: kubeconfig }).map(
      ([key, value]) => `${key}=${value}`,
    );
    const program = await processes.start(name, 'env', [...variables, process.execPath, MAIN, ...args]);
    this.#program = program;
    void program.ended.then(() => {
      if (this.#program === program) this.#program = undefined;
    });
    await until(program, READY_MS, async () => {
      const answer = await fetch(`${healthUrl}/readyz`);
      await answer.body?.cancel();
      return answer.ok;
    });
  }

  /** SIGTERM: it may finish what it is doing. */
  async stop(): Promise<void> {
    const program = this.#program;
    if (program === undefined) return;
    await this.#options.processes.stop(program, GRACE_MS);
    this.#program = undefined;
  }

  /** SIGKILL, as when its node dies; resolves when it is gone. */
  async kill(): Promise<void> {
    const program = this.#program;
    if (program === undefined) return;
    process.kill(program.pid, 'SIGKILL');
    await program.ended;
    this.#program = undefined;
  }

  /** SIGSTOP: it stands still, as in a long pause of its machine, until {@link resume}. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** Its log so far, of all its lives. */
  async log(): Promise<string> {
    const { name = 'operator' } = this.#options;
    return readFile(join(this.#options.dir, `${name}.log`), 'utf8');
  }
}
