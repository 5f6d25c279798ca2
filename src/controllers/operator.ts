import type { KubernetesObject } from '@kubernetes/client-node';
import { FIELD_MANAGER, parseRelease } from '../api/index.ts';
import type { Clock } from '../kube/clock.ts';
import type { Informer } from '../kube/informer.ts';
import { OwnWrites } from '../kube/own-writes.ts';
import {
  type ApiClient,
  type KubeObject,
  type ResourceType,
  apiVersionOf,
  isApiError,
} from '../kube/types.ts';
import { Workqueue, exponentialBackoff } from '../kube/workqueue.ts';
import { Actor } from './canary-release/act.ts';
import { CanaryReleaseController, type PassObserver, isStale } from './canary-release/controller.ts';
import { Analyst } from './canary-release/analyst.ts';
import type { TelemetryAccess } from './canary-release/progress.ts';
import { Secrets } from './canary-release/secrets.ts';
import { type WatchedKind, keysOf } from './canary-release/triggers.ts';
import { type Informers, createInformers } from './informers.ts';
import type { OperatorMetrics } from './metrics.ts';
import {
  OperatorShell,
  type ResourceEvent,
  ResourceEventType,
  type ResourceMeta,
  ResourceMetaImpl,
} from './shell.ts';
import { WatchTroubles } from './watch-troubles.ts';

/** The release that a fault concerns. */
export interface About {
  /** `namespace/name`. */
  readonly release: string;
  readonly revision: string | undefined;
}

export interface OperatorOptions {
  /** Writes through it are limited and guarded by the lease. */
  readonly client: ApiClient;
  readonly clock: Clock;
  /** Only this namespace; all when undefined. */
  readonly namespace: string | undefined;
  /** Releases worked on at the same time. */
  readonly workers: number;
  readonly telemetry: TelemetryAccess;
  readonly metrics: OperatorMetrics;
  readonly reporter: PassObserver;
  /** Runs each pass, and follows it; undefined where nobody traces. */
  readonly follow?: (<T>(key: string, pass: () => Promise<T>) => Promise<T>) | undefined;
  /** Called with everything that goes wrong on the way; nothing stops because of it. */
  readonly onError: (error: unknown, where: string, about?: About) => void;
  /** Told in a sentence what the operator lacks or waits for, once, and once when that is over. */
  readonly say: (level: 'info' | 'warn', sentence: string) => void;
  /** Uniform in [0, 1): keeps operators that failed together from coming back together. */
  readonly random?: () => number;
}

/** A rollback must not wait longer than this for the return of the API server, or of the operator's rights (ms). */
const LONGEST_BACKOFF_MS = 1500;

/** After so many conflicts in a row over one release its cache may not follow the API server any more. */
const DOUBTFUL_CONFLICTS = 3;

/** So often at most are watches opened anew on suspicion (ms). */
const DOUBT_EVERY_MS = 5000;

/** What is watched, which releases its changes concern, and whether the cluster may lack the kind. */
const WATCHES: readonly { cache: keyof Informers; kind: WatchedKind; optional?: true }[] = [
  { cache: 'releases', kind: 'release' },
  { cache: 'commands', kind: 'command' },
  { cache: 'deployments', kind: 'labelled' },
  { cache: 'pods', kind: 'labelled' },
  { cache: 'services', kind: 'service' },
  { cache: 'virtualServices', kind: 'labelled', optional: true },
  { cache: 'destinationRules', kind: 'labelled', optional: true },
  { cache: 'gateways', kind: 'gateway', optional: true },
  { cache: 'analysisTemplates', kind: 'template', optional: true },
  { cache: 'clusterAnalysisTemplates', kind: 'template', optional: true },
  { cache: 'jobs', kind: 'job', optional: true },
];

/**
 * Songbird as an operator of the kopf kind: the shell gives life cycle and vocabulary (watch a resource, get its events,
 * set its status and finalizers), `kube/` does their I/O. Events become keys in a queue, keys become passes.
 */
export class SongbirdOperator extends OperatorShell {
  readonly client: ApiClient;
  readonly informers: Informers;
  readonly #options: OperatorOptions;
  readonly #queue: Workqueue;
  readonly #controller: CanaryReleaseController;
  #ready = false;
  #doubtedAt = -Infinity;
  readonly #absent = new Map<string, PromiseWithResolvers<undefined>>();

  constructor(options: OperatorOptions) {
    super();
    const { clock, namespace, metrics, telemetry, onError, random = Math.random } = options;
    const troubles = new WatchTroubles(options);
    this.#options = options;
    this.client = options.client;
    this.informers = createInformers({
      client: this.client,
      clock,
      namespace,
      random,
      onError: (type, error, phase) => {
        if (phase === 'handler') {
          onError(error, `event of ${type.plural}`);
          return;
        }
        if (phase === 'list' && isApiError(error, 404)) this.#absent.get(type.plural)?.resolve(undefined);
        troubles.failed(type, error);
      },
      onRecovery: (type) => {
        troubles.recovered(type);
      },
    });
    const writes = new OwnWrites(clock);
    this.#controller = new CanaryReleaseController({
      caches: { ...this.informers, namespace },
      lookup: (type, key) => this.#informerOf(type.plural).get(key),
      writes,
      actor: new Actor(this.client, writes),
      analyst: new Analyst(telemetry, clock, (key) => {
        this.#queue.add(key);
      }),
      secrets: new Secrets({ client: this.client, clock }),
      clock,
      observer: options.reporter,
      doubt: () => {
        this.doubtWatches();
      },
    });
    this.#queue = new Workqueue({
      clock,
      concurrency: options.workers,
      worker: (key) => this.#work(key),
      backoffMs: exponentialBackoff(200, LONGEST_BACKOFF_MS, random),
      onError: (error, key) => {
        onError(error, `pass over ${key}`, { release: key, revision: this.#revisionOf(key) });
      },
      metrics: {
        depth: (keys) => {
          metrics.queueDepth.set(keys);
        },
      },
    });
  }

  /** True once every cache holds what the cluster had. */
  get ready(): boolean {
    return this.#ready;
  }

  /**
   * To be called when a request to the API server had no answer, or caches lag behind what it says: then the connections of
   * watches may be dead without anybody having heard of it, and the caches out of date for as long.
   * @returns false where they were opened anew a moment ago
   */
  doubtWatches(): boolean {
    const now = this.#options.clock.monotonic();
    if (now - this.#doubtedAt < DOUBT_EVERY_MS) return false;
    this.#doubtedAt = now;
    for (const { cache } of WATCHES) this.informers[cache].rewatch();
    return true;
  }

  /** Starts the passes; the caches must be there. */
  work(): void {
    this.#queue.start();
  }

  /** Finishes the passes in progress, begins no other, and ends all watches. */
  async shutdown(): Promise<void> {
    await this.#queue.shutdown();
    await Promise.all(WATCHES.map(({ cache }) => this.informers[cache].stop()));
  }

  override stop(): void {
    this.shutdown().catch((error: unknown) => {
      this.#options.onError(error, 'shutdown');
    });
  }

  /** Fills the caches, waits for them, and from then on turns every event into the keys that it concerns. */
  protected override async init(): Promise<void> {
    const watches = WATCHES.map(async ({ cache, kind, optional }) => {
      const informer = this.informers[cache];
      const { group, version, plural } = informer.type;
      const absent = Promise.withResolvers<undefined>();
      this.#absent.set(plural, absent);
      await this.watchResource(group, version, plural, async ({ object }) => {
        for (const key of keysOf(kind, object as object as KubeObject, this.informers.releases))
          this.#queue.add(key);
      });
      const synced = informer.whenSynced();
      if (optional !== true) return synced;
      void synced.then(
        () => {
          this.#lookAtAll();
        },
        () => undefined,
      );
      return Promise.race([synced, absent.promise]);
    });
    await Promise.all(watches);
    this.#ready = true;
  }

  /** The revision that a pass over this release is about, as far as its status says. */
  #revisionOf(key: string): string | undefined {
    const object = this.informers.releases.get(key);
    if (object === undefined) return undefined;
    const { candidateRevision, stableRevision } = parseRelease(object).status;
    return candidateRevision ?? stableRevision;
  }

  protected override async watchResource(
    group: string,
    version: string,
    plural: string,
    onEvent: (event: ResourceEvent) => Promise<void>,
  ): Promise<void> {
    const informer: Informer<KubeObject> = this.#informerOf(plural);
    const tell = (type: ResourceEvent['type']) => (object: KubeObject) => {
      const raw = shellOf(object);
      onEvent({ meta: ResourceMetaImpl.createWithPlural(plural, raw), type, object: raw }).catch(
        (error: unknown) => {
          this.#options.onError(error, `event of ${plural}.${group}/${version}`);
        },
      );
    };
    informer.addHandlers({
      added: tell(ResourceEventType.Added),
      updated: (object, old) => {
        tell(ResourceEventType.Modified)(object);
        // What it concerned before may have been waiting for just this: a name, a host, an object of its own.
        tell(ResourceEventType.Modified)(old);
      },
      deleted: tell(ResourceEventType.Deleted),
    });
    informer.start();
  }

  protected override async setResourceStatus(
    meta: ResourceMeta,
    status: unknown,
  ): Promise<ResourceMeta | null> {
    return this.#patchStatus(meta, 'json', [
      { op: 'test', path: '/metadata/resourceVersion', value: meta.resourceVersion },
      { op: 'add', path: '/status', value: status },
    ]);
  }

  protected override async patchResourceStatus(
    meta: ResourceMeta,
    status: unknown,
  ): Promise<ResourceMeta | null> {
    return this.#patchStatus(meta, 'merge', { metadata: { resourceVersion: meta.resourceVersion }, status });
  }

  protected override async setResourceFinalizers(meta: ResourceMeta, finalizers: string[]): Promise<void> {
    const patch = { metadata: { resourceVersion: meta.resourceVersion, finalizers } };
    await this.client.patch(this.#typeOf(meta), meta, 'merge', patch, { fieldManager: FIELD_MANAGER });
  }

  async #patchStatus(meta: ResourceMeta, kind: 'json' | 'merge', patch: unknown): Promise<ResourceMeta> {
    const options = { subresource: 'status', fieldManager: FIELD_MANAGER };
    const written = await this.client.patch(this.#typeOf(meta), meta, kind, patch, options);
    return ResourceMetaImpl.createWithId(meta.id, shellOf(written));
  }

  async #work(key: string): Promise<void> {
    const { clock, metrics, follow } = this.#options;
    const startedAt = clock.monotonic();
    let result = 'ok';
    try {
      const pass = () => this.#controller.pass(key);
      const next = await (follow === undefined ? pass() : follow(key, pass));
      if (next !== undefined) this.#queue.addAt(key, next.at);
    } catch (error) {
      result = isStale(error) ? 'stale' : 'error';
      if (!isStale(error)) throw error;
      // Someone was faster: the news is on its way to the caches, as a rule within the first of these delays.
      if (this.#queue.numRequeues(key) >= DOUBTFUL_CONFLICTS) this.doubtWatches();
      this.#queue.addRateLimited(key);
    } finally {
      metrics.passSeconds.observe({ result }, (clock.monotonic() - startedAt) / 1000);
    }
  }

  #lookAtAll(): void {
    for (const { metadata } of this.informers.releases.list()) {
      this.#queue.add(`${metadata.namespace ?? ''}/${metadata.name}`);
    }
  }

  #informerOf(plural: string): Informer<KubeObject> {
    const found = Object.values(this.informers as unknown as Record<string, Informer<KubeObject>>).find(
      ({ type }) => type.plural === plural,
    );
    if (found === undefined) throw new Error(`nothing watches ${plural}`);
    return found;
  }

  #typeOf(meta: ResourceMeta): ResourceType {
    const types = WATCHES.map(({ cache }) => this.informers[cache].type);
    const found = types.find((type) => type.kind === meta.kind && apiVersionOf(type) === meta.apiVersion);
    if (found === undefined) throw new Error(`nothing watches ${meta.kind}.${meta.apiVersion}`);
    return found;
  }
}

/** The shell types objects as a client library does, with dates; what it is given are raw ones all the same. */
function shellOf(object: object): KubernetesObject {
  return object;
}
