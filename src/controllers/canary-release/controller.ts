import {
  type CanaryReleaseObject,
  type CanaryReleaseStatus,
  FINALIZER,
  type Problem,
} from '../../api/index.ts';
import { orphanEffect } from '../../core/commands.ts';
import { decide } from '../../core/decide.ts';
import type { Decision, Effect, PendingCommand, ReleaseEvent } from '../../core/model.ts';
import { stalledStatus } from '../../core/unparsable.ts';
import type { Clock } from '../../kube/clock.ts';
import { deepEqual } from '../../kube/json.ts';
import type { CacheLookup, OwnWrites } from '../../kube/own-writes.ts';
import { type KubeObject, type WriteOptions, isApiError } from '../../kube/types.ts';
import { type Actor, RefusedWrite } from './act.ts';
import type { Caches } from './caches.ts';
import type { Analyst } from './analyst.ts';
import { type Gathered, commandsOf, gather } from './observe.ts';
import { withinBudget } from './readings.ts';
import type { Secrets } from './secrets.ts';
import { UnwrittenStatuses } from './unwritten.ts';
import { WatchedTime } from './watched-time.ts';

/** What a pass tells the outside beside its writes. */
export interface PassObserver {
  /** A decision was made on what was observed, the analysis included; the status is not yet written. */
  decided(key: string, gathered: Gathered, decision: Decision): void;
  /** The status that caused this event is written. */
  event(release: KubeObject, event: ReleaseEvent): void;
  /** The API server refused a write in a way that a person must mend. */
  refused(release: KubeObject, problem: Problem): void;
  /** The release is gone. */
  forgotten(key: string): void;
}

export interface ControllerDependencies {
  readonly caches: Caches;
  readonly lookup: CacheLookup;
  readonly writes: OwnWrites;
  readonly actor: Actor;
  readonly analyst: Analyst;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly observer: PassObserver;
  /** To be called when caches seem not to follow the API server any more. */
  readonly doubt: () => void;
}

/** When to pass again (ms since the epoch), or that only an event can bring news. */
export type NextPass = { readonly at: number } | undefined;

/** While a write of ours has not come back through the watch, its event wakes the key; this is for a lost one (ms). */
const RECHECK_MS = 500;

/** Events of our own writes take milliseconds; after so long (ms) the connection of their watch may be dead. */
const DOUBT_AFTER_MS = 2000;

/** How long after a refused write it is tried again (ms). */
const RETRY_REFUSED_MS = 5000;

/** The same for one that takes traffic from a version that fails or has no pods (ms). */
const RETRY_URGENT_MS = 1000;

/** How often a release looks for a Secret that it lacks (ms): Secrets are not watched. */
const SECRET_LOOK_MS = 1000;

/** How often a release in progress is looked at while a write of its is refused (ms): it may have to be taken back. */
const LOOK_MS = 1000;

/**
 * So long (ms) the write of a status may take while a release has to be judged: one that hangs, as behind a webhook that
 * does not answer, must not keep a bad version in traffic.
 */
const STATUS_MS = { judged: 2000, urgent: 1000 };

interface Refusal {
  readonly problem: Problem;
  /** Undefined where the status was refused. */
  readonly effect: Effect | undefined;
  /** When it was refused (ms since the epoch). */
  readonly at: number;
}

/** A release in progress goes on being judged; the write that was just refused is not tried each time. */
function isHeld({ effect, at }: Refusal, decision: Decision, now: number): boolean {
  if (effect === undefined || !isJudged(decision.status)) return false;
  return deepEqual(effect, decision.effect) && now >= at && now < at + retryMs(effect);
}

function isJudged({ candidateRevision, stableRevision, ending }: CanaryReleaseStatus): boolean {
  return candidateRevision !== undefined && stableRevision !== undefined && ending === undefined;
}

function retryMs(effect: Effect): number {
  return isUrgent(effect) ? RETRY_URGENT_MS : RETRY_REFUSED_MS;
}

function isUrgent(effect: Effect | undefined): boolean {
  return effect?.kind === 'route' && effect.urgent;
}

/** Whether the status of a decision is written. */
interface Intent {
  /** The release as the API server has it now. */
  readonly release: KubeObject;
  /** Why it could not be written; undefined when it is. */
  readonly failure?: unknown;
}

/** observe → decide → act for one release at a time. Holds nothing that a restart may not lose. */
export class CanaryReleaseController {
  readonly #deps: ControllerDependencies;
  /** By key: the refusal of the last write, shown in status until a write succeeds. */
  readonly #refused = new Map<string, Refusal>();
  readonly #unwritten = new UnwrittenStatuses();
  readonly #watched: WatchedTime;

  constructor(dependencies: ControllerDependencies) {
    this.#deps = dependencies;
    this.#watched = new WatchedTime(dependencies.clock);
  }

  /**
   * One pass over the release with this key.
   * @throws ApiError: to be tried again later, with backoff
   */
  async pass(key: string): Promise<NextPass> {
    const { caches, writes, lookup, clock } = this.#deps;
    const object = caches.releases.get(key);
    if (object === undefined) {
      this.#forget(key);
      return this.#answerOrphans(key);
    }
    if (writes.pending(key, lookup)) {
      if (writes.waitedMs(key) > DOUBT_AFTER_MS) this.#deps.doubt();
      return { at: clock.now() + RECHECK_MS };
    }
    const gathered = await this.#gather(key, this.#unwritten.over(key, object));
    return 'problems' in gathered
      ? this.#stall(object, gathered)
      : this.#pass(key, object, await this.#withCommands(gathered));
  }

  /** Without commands that only seem to be new: each is obeyed once. */
  async #withCommands(gathered: Gathered): Promise<Gathered> {
    const { observed, release } = gathered;
    const handled = new Set(observed.status.commands?.map(({ uid }) => uid));
    const isNew = ({ uid, finishedAt }: PendingCommand) => finishedAt === undefined && !handled.has(uid);
    if (observed.deleting || !observed.commands.some(isNew)) return gathered;
    const commands: PendingCommand[] = [];
    for (const command of observed.commands) {
      const { namespace = '' } = release.metadata;
      if (!isNew(command) || (await this.#deps.actor.isWaiting(namespace, command))) commands.push(command);
    }
    return { ...gathered, observed: { ...observed, commands } };
  }

  /** Commands for a release that is not there: one write a pass, as ever. */
  async #answerOrphans(key: string): Promise<NextPass> {
    const { caches, actor, clock } = this.#deps;
    const [, name = ''] = key.split('/');
    const commands = commandsOf(key, caches);
    const { effect, requeueAt } = orphanEffect(name, commands, clock.now());
    if (effect !== undefined) await actor.answer(key, effect);
    // What was answered comes back through the watch; until then it must not be answered again.
    return effect !== undefined || requeueAt === undefined ? undefined : { at: requeueAt };
  }

  async #pass(key: string, object: CanaryReleaseObject, gathered: Gathered): Promise<NextPass> {
    const { analyst, clock, observer } = this.#deps;
    const analysed = await analyst.analyse(key, gathered, clock.now());
    const timeSkipped = this.#watched.isSkipped(key, analysed.status.step?.observedAt);
    const observed = timeSkipped ? { ...analysed, timeSkipped } : analysed;
    const decision = decide(observed, clock.now());
    observer.decided(key, { ...gathered, observed }, decision);
    if (decision.status.candidateRevision === undefined) analyst.forget(key);
    const { release, failure } = await this.#intend(key, object, decision);
    const { effect } = decision;
    // Nothing goes ahead of its status but what takes traffic from a version that must not have it.
    if (failure !== undefined && !isUrgent(effect)) return this.#failed(key, object, decision, failure);
    const refusal = this.#refused.get(key);
    if (effect !== undefined && refusal !== undefined && isHeld(refusal, decision, clock.now())) {
      return { at: Math.min(refusal.at + retryMs(effect), clock.now() + LOOK_MS) };
    }
    if (effect !== undefined) {
      if (release === object) await this.#deps.actor.confirm(object);
      // The status write gave the object a new version, which effects on the object itself must name.
      const current = { ...gathered, release: { ...gathered.release, metadata: release.metadata } };
      try {
        await this.#deps.actor.perform(effect, current);
      } catch (error) {
        if (!(error instanceof RefusedWrite)) throw error;
        if (effect.kind === 'keepReport') return this.#unkept(object, error.problem);
        return this.#refuse(key, object, error.problem, effect);
      }
    }
    if (failure !== undefined) return this.#failed(key, object, decision, failure);
    this.#refused.delete(key);
    const waits = gathered.metrics.problems.some(({ reason }) => reason === 'SecretUnreadable');
    const times = [decision.requeueAt, waits ? clock.now() + SECRET_LOOK_MS : undefined];
    const at = Math.min(...times.filter((time) => time !== undefined));
    return Number.isFinite(at) ? { at } : undefined;
  }

  /** Writes the status, or keeps it: events are told of what was decided, not of what could be written. */
  async #intend(
    key: string,
    object: CanaryReleaseObject,
    { status, events, effect }: Decision,
  ): Promise<Intent> {
    try {
      const limits = isUrgent(effect)
        ? { urgent: true, timeoutMs: STATUS_MS.urgent }
        : isJudged(status)
          ? { timeoutMs: STATUS_MS.judged }
          : {};
      const release = await this.#write(object, status, events, limits);
      this.#unwritten.forget(key);
      return { release };
    } catch (failure) {
      const isAnswer = isApiError(failure) || failure instanceof RefusedWrite;
      if (!isAnswer || isStale(failure)) throw failure;
      this.#unwritten.keep(key, object, status);
      for (const event of events) this.#deps.observer.event(object, event);
      return { release: object, failure };
    }
  }

  /** The status could not be written. A release in progress is looked at all the same: it may have to be taken back. */
  #failed(key: string, object: CanaryReleaseObject, decision: Decision, failure: unknown): NextPass {
    if (!(failure instanceof RefusedWrite)) throw failure;
    const { clock } = this.#deps;
    this.#told(key, object, failure.problem, undefined);
    return { at: clock.now() + (isJudged(decision.status) ? LOOK_MS : RETRY_REFUSED_MS) };
  }

  /** Everything in the caches, with the Secrets that it takes. */
  async #gather(key: string, object: CanaryReleaseObject): Promise<ReturnType<typeof gather>> {
    const { caches, secrets, clock } = this.#deps;
    const look = () =>
      gather(object, caches, this.#refused.get(key)?.problem, (namespace, ref) =>
        secrets.lookup(namespace, ref),
      );
    const gathered = look();
    if ('problems' in gathered || gathered.metrics.secrets.length === 0) return gathered;
    const namespace = object.metadata.namespace ?? '';
    await withinBudget(clock, [secrets.refresh(namespace, gathered.metrics.secrets)]);
    return look();
  }

  /** A release is none the worse for a report that cannot be kept: that is told, and does not stall it. */
  #unkept(object: CanaryReleaseObject, problem: Problem): NextPass {
    this.#deps.observer.refused(object, problem);
    return { at: this.#deps.clock.now() + RETRY_REFUSED_MS };
  }

  /** Shows a refusal in status at once, and tries the write again from time to time: someone may have mended it. */
  #refuse(key: string, object: CanaryReleaseObject, problem: Problem, effect: Effect): NextPass {
    const isNew = this.#told(key, object, problem, effect);
    return { at: this.#deps.clock.now() + (isNew ? 0 : retryMs(effect)) };
  }

  /** Tells of a refusal, once as long as it stays the same. @returns whether it is a new one */
  #told(key: string, object: CanaryReleaseObject, problem: Problem, effect: Effect | undefined): boolean {
    const { clock, observer } = this.#deps;
    const known = this.#refused.get(key)?.problem;
    this.#refused.set(key, { problem, effect, at: clock.now() });
    if (known?.message === problem.message) return false;
    observer.refused(object, problem);
    return true;
  }

  /** An object whose spec cannot be understood: say so, and touch nothing but what deletion needs. */
  async #stall(
    object: CanaryReleaseObject,
    parsed: Exclude<ReturnType<typeof gather>, Gathered>,
  ): Promise<NextPass> {
    const { clock, actor } = this.#deps;
    if (object.metadata.deletionTimestamp !== undefined) {
      if (object.metadata.finalizers?.includes(FINALIZER) === true) await actor.letGo(object);
      return undefined;
    }
    const { generation = 0 } = object.metadata;
    const status = stalledStatus(parsed.status, parsed.problems, generation, clock.now());
    await this.#write(object, status, [], {});
    return undefined;
  }

  async #write(
    object: CanaryReleaseObject,
    status: CanaryReleaseStatus,
    events: readonly ReleaseEvent[],
    limits: Pick<WriteOptions, 'urgent' | 'timeoutMs'>,
  ): Promise<KubeObject> {
    const { actor, observer } = this.#deps;
    const isWritten = deepEqual(status, object.status);
    const written = isWritten ? object : await actor.writeStatus(object, status, limits);
    for (const event of events) observer.event(written, event);
    return written;
  }

  #forget(key: string): void {
    this.#refused.delete(key);
    this.#unwritten.forget(key);
    this.#watched.forget(key);
    this.#deps.writes.forget(key);
    this.#deps.analyst.forget(key);
    this.#deps.observer.forgotten(key);
  }
}

/** True for an answer that means: someone was faster, look again. */
export function isStale(error: unknown): boolean {
  return isApiError(error, 409) || isApiError(error, 404);
}
