import { Informer } from '../../kube/informer.ts';
import { pods } from '../../kube/well-known.ts';
import type { Pod } from '../mesh/objects.ts';
import { type PodDeps, PodRun } from './pod-run.ts';

/**
 * The only node of the sandbox's cluster: runs every pod as HTTP servers in this process, reports their status, and
 * lets them end gracefully.
 */
export class NodeAgent {
  readonly #deps: PodDeps;
  readonly #pods: Informer<Pod>;
  /** By uid. */
  readonly #runs = new Map<string, PodRun>();
  readonly #endings = new Set<Promise<void>>();

  constructor(deps: PodDeps) {
    this.#deps = deps;
    const seen = (pod: Pod) => {
      this.#seen(pod);
    };
    this.#pods = new Informer<Pod>({
      client: deps.client,
      type: pods,
      clock: deps.clock,
      handlers: {
        added: seen,
        updated: seen,
        deleted: (pod) => {
          this.#gone(pod);
        },
      },
      onError: deps.onError,
    });
  }

  async start(): Promise<void> {
    this.#pods.start();
    await this.#pods.whenSynced();
  }

  /** The node goes down: every pod ends at once. */
  async close(): Promise<void> {
    await this.#pods.stop();
    await Promise.all([...this.#runs.values()].map((run) => run.kill()));
    await Promise.all(this.#endings);
    this.#runs.clear();
  }

  #seen(pod: Pod): void {
    const { uid = '', deletionTimestamp } = pod.metadata;
    let run = this.#runs.get(uid);
    if (run === undefined) {
      run = new PodRun(pod, this.#deps);
      this.#runs.set(uid, run);
    }
    if (deletionTimestamp === undefined) run.start();
    else this.#track(run.terminate());
  }

  #gone({ metadata: { uid = '' } }: Pod): void {
    const run = this.#runs.get(uid);
    this.#runs.delete(uid);
    if (run !== undefined) this.#track(run.kill());
  }

  #track(ending: Promise<void>): void {
    if (this.#endings.has(ending)) return;
    const tracked = ending.catch(this.#deps.onError).finally(() => this.#endings.delete(tracked));
    this.#endings.add(tracked);
  }
}
