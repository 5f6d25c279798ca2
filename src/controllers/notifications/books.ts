import type { NotificationPolicyObject, Problem } from '../../api/index.ts';
import { notificationPolicies } from '../../api/resources.ts';
import type { Clock } from '../../kube/clock.ts';
import { Informer } from '../../kube/informer.ts';
import { type ApiClient, isApiError, keyOf } from '../../kube/types.ts';
import { Workqueue, exponentialBackoff } from '../../kube/workqueue.ts';
import type { Ledger } from '../../notifications/ledger.ts';
import { serviceOf } from '../../notifications/services/index.ts';
import { WatchTroubles } from '../watch-troubles.ts';
import { type Known, PolicyStore, isOutdated, knownOf } from './policies.ts';
import type { Sender } from './sender.ts';

export interface BooksOptions {
  /** Writes through it are limited, and guarded by the lease. */
  readonly client: ApiClient;
  readonly clock: Clock;
  /** Only this namespace; all when undefined. */
  readonly namespace: string | undefined;
  readonly random: () => number;
  readonly sender: Sender;
  readonly onError: (error: unknown, where: string) => void;
  readonly say: (level: 'info' | 'warn', sentence: string) => void;
  /** A policy is new, was changed, or has the Secrets that it lacked. */
  readonly learned: (known: Known) => void;
  readonly forgotten: (key: string) => void;
  /** A policy lacks something that a person must mend. */
  readonly lacks: (known: Known, problem: Problem) => void;
}

/** How often a policy looks for a Secret that it lacks (ms): Secrets are not watched. */
const SECRET_LOOK_MS = 30_000;

/**
 * The policies: each is read once at the API server, and from then on its ledger is kept here and written to its status
 * when it differs.
 */
export class Books {
  readonly #options: BooksOptions;
  readonly #policies: Informer<NotificationPolicyObject>;
  readonly #store: PolicyStore;
  readonly #queue: Workqueue;
  readonly #known = new Map<string, Known>();
  /** What policies lack. */
  readonly #lacking = new Map<string, Problem>();

  constructor(options: BooksOptions) {
    this.#options = options;
    const { client, clock, namespace, random, onError } = options;
    const troubles = new WatchTroubles(options);
    this.#policies = new Informer<NotificationPolicyObject>({
      client,
      type: notificationPolicies,
      clock,
      namespace,
      random,
      onError: (error, phase) => {
        if (phase === 'handler') onError(error, 'event of a NotificationPolicy');
        else troubles.failed(notificationPolicies, error);
      },
      onRecovery: () => {
        troubles.recovered(notificationPolicies);
      },
    });
    this.#store = new PolicyStore(client, clock);
    this.#queue = new Workqueue({
      clock,
      concurrency: 2,
      worker: (key) => this.#keep(key),
      backoffMs: exponentialBackoff(500, 60_000, random),
      onError: (error, key) => {
        // Of a policy that was changed meanwhile there is nothing to tell.
        if (!isOutdated(error)) onError(error, `status of NotificationPolicy ${key}`);
      },
    });
  }

  /** Begins to watch. Nobody waits for it: a cluster may lack the kind, or the operator the right. */
  watch(): void {
    const look = ({ metadata }: NotificationPolicyObject) => {
      this.#queue.add(keyOf(metadata));
    };
    this.#policies.addHandlers({
      added: look,
      // Its status is our own.
      updated: (object, old) => {
        const isNew = object.metadata.uid !== old.metadata.uid;
        if (isNew || object.metadata.generation !== old.metadata.generation) look(object);
      },
      deleted: look,
    });
    this.#policies.start();
  }

  rewatch(): void {
    this.#policies.rewatch();
  }

  /** Begins to read and write. */
  work(): void {
    this.#queue.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#policies.stop(), this.#queue.shutdown()]);
  }

  get(key: string): Known | undefined {
    return this.#known.get(key);
  }

  in(namespace: string): Known[] {
    return [...this.#known.values()].filter((known) => known.namespace === namespace);
  }

  /** Changes the ledger of a policy, unless it was replaced meanwhile, and has it written. */
  note({ key, uid }: Known, change: (ledger: Ledger) => Ledger): void {
    this.#change(key, uid, (known) => ({ ...known, ledger: change(known.ledger) }));
    this.#queue.add(key);
  }

  /** Looks once more what a policy lacks. */
  check(key: string): void {
    this.#queue.add(key);
  }

  async #keep(key: string): Promise<void> {
    const cached = this.#policies.get(key);
    if (cached === undefined) {
      this.#forget(key);
      return;
    }
    try {
      const known = await this.#learn(key, cached);
      const problem = known.invalid ?? (await this.#lack(known));
      await this.#write(key, problem);
    } catch (error) {
      // Someone changed the policy, or deleted it: what was told stays known.
      if (isOutdated(error)) await this.#reread(key, cached);
      throw error;
    }
  }

  async #learn(key: string, cached: NotificationPolicyObject): Promise<Known> {
    const { uid, generation = 0 } = cached.metadata;
    const before = this.#known.get(key);
    if (before !== undefined && before.uid === uid && before.generation >= generation) return before;
    const object = await this.#store.read(cached.metadata);
    // What was noted while it was read counts.
    const known = knownOf(object, this.#known.get(key), this.#options.clock.now());
    this.#known.set(key, known);
    this.#options.learned(known);
    return known;
  }

  async #lack(known: Known): Promise<Problem | undefined> {
    const { key, spec, namespace } = known;
    const services = (spec?.targets ?? []).map((target) => serviceOf(target).service);
    const problem = await this.#options.sender.missing(namespace, services);
    const was = this.#lacking.get(key);
    if (problem === undefined) {
      this.#lacking.delete(key);
      if (was !== undefined) this.#options.learned(known);
      return undefined;
    }
    this.#lacking.set(key, problem);
    this.#queue.addAfter(key, SECRET_LOOK_MS);
    if (was?.message !== problem.message) this.#options.lacks(known, problem);
    return problem;
  }

  async #write(key: string, problem: Problem | undefined): Promise<void> {
    const known = this.#known.get(key);
    if (known === undefined) return;
    const object = await this.#store.write(known, problem);
    this.#change(key, known.uid, (now) => ({ ...now, object }));
  }

  async #reread(key: string, { metadata }: NotificationPolicyObject): Promise<void> {
    try {
      const object = await this.#store.read(metadata);
      this.#change(key, object.metadata.uid, (known) => ({ ...known, object }));
    } catch (error) {
      if (!isApiError(error, 404)) throw error;
      this.#forget(key);
    }
  }

  #forget(key: string): void {
    this.#known.delete(key);
    this.#lacking.delete(key);
    this.#options.forgotten(key);
  }

  #change(key: string, uid: string | undefined, change: (known: Known) => Known): void {
    const known = this.#known.get(key);
    if (known !== undefined && known.uid === uid) this.#known.set(key, change(known));
  }
}
