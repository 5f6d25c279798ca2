import {
  type CanaryReleaseObject,
  type NotificationTarget,
  type Problem,
  type TargetStatus,
  statusOfRelease,
} from '../../api/index.ts';
import type { Clock } from '../../kube/clock.ts';
import type { Informer } from '../../kube/informer.ts';
import { type ApiClient, ApiError, keyOf } from '../../kube/types.ts';
import { Workqueue, exponentialBackoff } from '../../kube/workqueue.ts';
import {
  audienceOf,
  delivered,
  failed,
  settled,
  toldOf,
  withoutMessage,
} from '../../notifications/ledger.ts';
import { type Surroundings, noticeOf } from '../../notifications/notice.ts';
import { selects } from '../../notifications/select.ts';
import { serviceOf } from '../../notifications/services/index.ts';
import type { Standing, Subject } from '../../notifications/standing.ts';
import { type Next, nextOf } from '../../notifications/told.ts';
import type { Http } from '../../telemetry/http.ts';
import { Secrets } from '../canary-release/secrets.ts';
import type { EventSink } from '../reporter.ts';
import { Books } from './books.ts';
import { Lane, MOST_WAITING } from './lane.ts';
import type { NotificationMetrics } from './metrics.ts';
import type { Known } from './policies.ts';
import { type Delivery, Sender } from './sender.ts';

export interface NotifierOptions {
  /** Writes through it are limited, apart from those of releases, and guarded by the lease. */
  readonly client: ApiClient;
  readonly clock: Clock;
  /** Only this namespace; all when undefined. */
  readonly namespace: string | undefined;
  /** The operator's cache. */
  readonly releases: Informer<CanaryReleaseObject>;
  readonly http: Http;
  readonly surroundings: Surroundings;
  readonly events: EventSink;
  readonly metrics: NotificationMetrics;
  /** @throws where this process does not surely lead at this very moment */
  readonly mayAct: () => void;
  readonly onError: (error: unknown, where: string) => void;
  readonly say: (level: 'info' | 'warn', sentence: string) => void;
  readonly random: () => number;
}

/** One message to one target. */
interface Errand {
  readonly known: Known;
  readonly target: NotificationTarget;
  readonly subject: Subject;
  readonly standing: Standing;
  readonly how: 'post' | 'update';
}

/** Targets written to at the same time. */
const CONCURRENCY = 8;
/** What could not be delivered for so long (ms) is no news any more. */
const OLD_MS = 86_400_000;

/**
 * Tells people of releases. It only watches them: neither what it does nor what goes wrong with that can hold up a release.
 * A release that changes is looked at; where there is something to tell of it, it waits in the lane of each target
 * concerned; what is told is made anew when its turn comes.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #books: Books;
  readonly #sender: Sender;
  readonly #stopping = new AbortController();
  /** Releases to look at. */
  readonly #looks: Workqueue;
  /** Lanes with something to send. */
  readonly #turns: Workqueue;
  /** By `policy target`. */
  readonly #lanes = new Map<string, Lane>();

  constructor(options: NotifierOptions) {
    this.#options = options;
    const { client, clock, random, http, mayAct } = options;
    const stopping = this.#stopping.signal;
    this.#sender = new Sender({ http, clock, mayAct, secrets: new Secrets({ client, clock }), stopping });
    const onError = (error: unknown, where: string) => {
      // What the end of this process, or of its lease, has cut off is no fault.
      const isOver = stopping.aborted || (error instanceof ApiError && error.reason === 'NotLeader');
      if (!isOver) options.onError(error, where);
    };
    this.#books = new Books({
      ...options,
      sender: this.#sender,
      onError,
      learned: (known) => {
        this.#learned(known);
      },
      forgotten: (key) => {
        for (const id of this.#lanes.keys()) if (id.startsWith(`${key} `)) this.#lanes.delete(id);
        this.#count();
      },
      lacks: (known, problem) => {
        this.#tell(known, 'Warning', problem);
      },
    });
    const queue = (name: string, concurrency: number, worker: (key: string) => Promise<void>) =>
      new Workqueue({
        clock,
        concurrency,
        worker,
        backoffMs: exponentialBackoff(500, 60_000, random),
        onError: (error, key) => {
          onError(error, `notifications, ${name} ${key}`);
        },
      });
    this.#looks = queue('release', 1, (key) => this.#look(key));
    this.#turns = queue('target', CONCURRENCY, (id) => this.#turn(id));
  }

  /** Begins to watch. */
  watch(): void {
    const look = ({ metadata }: CanaryReleaseObject) => {
      if (this.#books.in(metadata.namespace ?? '').length > 0) this.#looks.add(keyOf(metadata));
    };
    this.#options.releases.addHandlers({ added: look, updated: look });
    this.#books.watch();
  }

  /** To be called when the connections of watches may be dead. */
  rewatch(): void {
    this.#books.rewatch();
  }

  /** Begins to send: only who leads may. */
  work(): void {
    this.#books.work();
    this.#looks.start();
    this.#turns.start();
  }

  /** Breaks off what is being sent: nobody waits for a target, least of all the next leader. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#books.stop(), this.#looks.shutdown(), this.#turns.shutdown()]);
  }

  #learned({ key, namespace, spec }: Known): void {
    for (const { name } of spec?.targets ?? []) {
      const id = laneKey(key, name);
      // What failed may be mended.
      this.#lanes.get(id)?.reopen();
      this.#turns.add(id);
    }
    for (const { metadata } of this.#options.releases.list(namespace)) this.#looks.add(keyOf(metadata));
  }

  async #look(key: string): Promise<void> {
    const release = this.#options.releases.get(key);
    if (release === undefined) return;
    const subject = subjectOf(release);
    for (const known of this.#books.in(subject.namespace)) {
      for (const target of targetsFor(known, release)) {
        const { due, lookAt } = this.#next(known, target, subject);
        if (lookAt !== undefined) this.#looks.addAt(key, lookAt);
        if (due !== undefined) this.#enqueue(known, target, key);
      }
    }
    // Thousands of releases at once must not keep those that are going out waiting.
    await new Promise((resolve) => setImmediate(resolve));
  }

  #next({ ledger, spec }: Known, target: NotificationTarget, subject: Subject): Next {
    if (spec === undefined) return {};
    const audience = audienceOf(ledger, target, spec);
    return nextOf(toldOf(ledger, target.name, subject.name), subject, audience, this.#options.clock.now());
  }

  #enqueue(known: Known, target: NotificationTarget, release: string): void {
    const { clock, random, metrics } = this.#options;
    const id = laneKey(known.key, target.name);
    const lane = this.#lanes.get(id) ?? new Lane(clock, random);
    this.#lanes.set(id, lane);
    if (lane.add(release) !== undefined) {
      metrics.dropped(serviceOf(target).name);
      const message = `target ${target.name}: more than ${MOST_WAITING} releases wait for it; those that waited longest are left out`;
      this.#tell(known, 'Warning', { reason: 'NotificationDropped', message });
    }
    this.#count();
    this.#turns.add(id);
  }

  /** Sends one message at most, so that each target has its turn. */
  async #turn(id: string): Promise<void> {
    const lane = this.#lanes.get(id);
    const release = lane?.first;
    if (lane === undefined || release === undefined) return;
    const errand = this.#errand(id, release);
    if (errand === undefined || this.#isOld(errand)) {
      this.#done(id, lane, release);
      return;
    }
    const waitMs = lane.waitMs();
    if (waitMs > 0) {
      this.#turns.addAfter(id, waitMs);
      return;
    }
    const delivery = await this.#deliver(errand);
    switch (delivery.kind) {
      case 'gone':
        this.#note(errand, (now) => withoutMessage(now, errand.target.name, errand.subject.name));
        this.#turns.add(id);
        return;
      case 'failed':
        lane.failed(release, delivery.problem.reason, delivery.afterMs);
        this.#failed(errand, delivery.problem);
        this.#turns.addAfter(id, lane.closedMs);
        return;
      case 'delivered':
        lane.succeeded();
        this.#delivered(errand, delivery.message);
        this.#done(id, lane, release);
        // There may be more to tell of it by now.
        this.#looks.add(release);
    }
  }

  /** What is to be told of a release now; undefined where that is nothing. */
  #errand(id: string, key: string): Errand | undefined {
    const [policy = '', name] = id.split(' ');
    const known = this.#books.get(policy);
    const release = this.#options.releases.get(key);
    if (known === undefined || release === undefined) return undefined;
    const target = targetsFor(known, release).find((one) => one.name === name);
    if (target === undefined) return undefined;
    const subject = subjectOf(release);
    const { due } = this.#next(known, target, subject);
    return due === undefined ? undefined : { known, target, subject, ...due };
  }

  /** Gives up what is older than a day. */
  #isOld(errand: Errand): boolean {
    const { known, target, subject, standing } = errand;
    if (this.#options.clock.now() - standing.at <= OLD_MS) return false;
    this.#options.metrics.dropped(serviceOf(target).name);
    const message = `target ${target.name} was not told of ${subject.name} (${standing.moment}): that is older than a day`;
    this.#tell(known, 'Warning', { reason: 'NotificationDropped', message });
    this.#note(errand, (now) => settled(now, target.name, subject, standing));
    return true;
  }

  async #deliver({ known, target, subject, standing, how }: Errand): Promise<Delivery> {
    const { clock, metrics, surroundings } = this.#options;
    const { name, service } = serviceOf(target);
    const spec = known.spec ?? {};
    const startedAt = clock.monotonic();
    const delivery = await this.#sender.send(known.namespace, service, {
      notice: noticeOf(subject, standing, spec, surroundings),
      template: target.text ?? known.spec?.text,
      update: how === 'update' ? toldOf(known.ledger, target.name, subject.name)?.message : undefined,
    });
    metrics.tried(name, resultOf(delivery), (clock.monotonic() - startedAt) / 1000);
    return delivery;
  }

  #delivered({ known, target, subject, standing }: Errand, message: { id: string } | undefined): void {
    if (this.#failureOf(known, target) !== undefined) {
      const note = `target ${target.name} takes messages again`;
      this.#tell(known, 'Normal', { reason: 'DeliveryRecovered', message: note });
    }
    const now = this.#options.clock.now();
    this.#books.note(known, (ledger) => delivered(ledger, target.name, subject, standing, message, now));
  }

  #failed({ known, target }: Errand, problem: Problem): void {
    if (problem.reason === 'SecretUnreadable') {
      this.#books.check(known.key);
      return;
    }
    const was = this.#failureOf(known, target);
    if (was?.reason !== problem.reason) {
      const message = `target ${target.name}: ${problem.message}`;
      this.#tell(known, 'Warning', { ...problem, message });
    }
    if (was?.message !== problem.message) {
      this.#books.note(known, (ledger) => failed(ledger, target.name, problem));
    }
  }

  #note({ known }: Errand, change: Parameters<Books['note']>[1]): void {
    this.#books.note(known, change);
  }

  #failureOf({ key }: Known, { name }: NotificationTarget): TargetStatus['failure'] {
    return this.#books.get(key)?.ledger.targets.find((target) => target.name === name)?.failure;
  }

  #done(id: string, lane: Lane, release: string): void {
    lane.done(release);
    this.#count();
    if (lane.size > 0) this.#turns.add(id);
  }

  #tell({ object }: Known, type: 'Normal' | 'Warning', { reason, message }: Problem): void {
    this.#options.events.record(object, { type, reason, note: message, action: 'Notify' });
  }

  #count(): void {
    const waiting = [...this.#lanes.values()].reduce((sum, { size }) => sum + size, 0);
    this.#options.metrics.waiting(waiting);
  }
}

function laneKey(policy: string, target: string): string {
  return `${policy} ${target}`;
}

/** Targets of a policy that this release concerns. */
function targetsFor({ spec }: Known, { metadata }: CanaryReleaseObject): readonly NotificationTarget[] {
  return spec !== undefined && selects(spec, metadata) ? spec.targets : [];
}

function subjectOf(release: CanaryReleaseObject): Subject {
  const { namespace = '', name, uid = '' } = release.metadata;
  const { version } = (release.spec ?? {}) as { version?: unknown };
  return {
    namespace,
    name,
    uid,
    version: typeof version === 'string' ? version : undefined,
    status: statusOfRelease(release),
  };
}

function resultOf(delivery: Delivery): 'delivered' | 'failed' | 'refused' {
  if (delivery.kind === 'delivered') return 'delivered';
  return delivery.kind === 'failed' && delivery.problem.reason !== 'DeliveryFailed' ? 'refused' : 'failed';
}
