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
import { type KubeObject, isApiError } from '../../kube/types.ts';
import { type Actor, RefusedWrite } from './act.ts';
import type { Caches } from './caches.ts';
import type { Analyst } from './analyst.ts';
import { type Gathered, commandsOf, gather } from './observe.ts';
import { withinBudget } from './readings.ts';
import type { Secrets } from './secrets.ts';
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

interface Refusal {
  readonly problem: Problem;
  readonly effect: Effect;
  /** When it was refused (ms since the epoch). */
  readonly at: number;
}

/** A release in progress goes on being judged; the write that was just refused is not tried each time. */
function isHeld({ effect, at }: Refusal, decision: Decision, now: number): boolean {
  const { candidateRevision, stableRevision, ending } = decision.status;
  const isJudged = candidateRevision !== undefined && stableRevision !== undefined && ending === undefined;
  return isJudged && deepEqual(effect, decision.effect) && now >= at && now < at + retryMs(effect);
}

function retryMs(effect: Effect): number {
  return effect.kind === 'route' && effect.urgent ? RETRY_URGENT_MS : RETRY_REFUSED_MS;
}

/** observe → decide → act for one release at a time. Holds nothing that a restart may not lose. */
export class CanaryReleaseController {
  readonly #deps: ControllerDependencies;
  /** By key: the refusal of the last write, shown in status until a write succeeds. */
  readonly #refused = new Map<string, Refusal>();
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
    const gathered = await this.#gather(key, object);
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
    const release = await this.#write(object, decision.status, decision.events);
    const { effect } = decision;
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
        return this.#refuse(key, object, error.problem, effect);
      }
    }
    this.#refused.delete(key);
    const waits = gathered.metrics.problems.some(({ reason }) => reason === 'SecretUnreadable');
    const times = [decision.requeueAt, waits ? clock.now() + SECRET_LOOK_MS : undefined];
    const at = Math.min(...times.filter((time) => time !== undefined));
    return Number.isFinite(at) ? { at } : undefined;
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

  /** Shows a refusal in status at once, and tries the write again from time to time: someone may have mended it. */
  #refuse(key: string, object: CanaryReleaseObject, problem: Problem, effect: Effect): NextPass {
    const { clock, observer } = this.#deps;
    const known = this.#refused.get(key)?.problem;
    this.#refused.set(key, { problem, effect, at: clock.now() });
    if (known?.message === problem.message) return { at: clock.now() + retryMs(effect) };
    observer.refused(object, problem);
    return { at: clock.now() };
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
    await this.#write(object, stalledStatus(parsed.status, parsed.problems, generation, clock.now()), []);
    return undefined;
  }

  async #write(
    object: CanaryReleaseObject,
    status: CanaryReleaseStatus,
    events: readonly ReleaseEvent[],
  ): Promise<KubeObject> {
    const { actor, observer } = this.#deps;
    const written = deepEqual(status, object.status) ? object : await actor.writeStatus(object, status);
    for (const event of events) observer.event(written, event);
    return written;
  }

  #forget(key: string): void {
    this.#refused.delete(key);
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
