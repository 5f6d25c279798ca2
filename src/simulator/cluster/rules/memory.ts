import type { Action, CanaryReleaseStatus } from '../../../api/index.ts';
import type { Gathered } from '../../../controllers/canary-release/observe.ts';
import type { Decision } from '../../../core/model.ts';
import { deepEqual } from '../../../kube/json.ts';
import type { KubeObject } from '../../../kube/types.ts';
import { isOperator, type ProcessClock } from '../process-clock.ts';
import type { Simulation } from '../simulation.ts';
import { KEY, type ReleaseObject } from '../truth.ts';
import type { Write } from '../true-cluster.ts';

/** What an observation may be behind the truth at best, beside the time on the way (ms). */
const BEHIND_MS = 1000;

interface Command {
  readonly action: Action;
  readonly revision: string;
  readonly createdAt: number;
  /** It was told what came of it. */
  readonly isHandled: boolean;
}

/** How long a revision has had its weight. */
interface Held {
  readonly weight: number;
  readonly since: number;
  /** Requests that the revision had served in all when the weight began. */
  readonly served: number;
  /** It was given all traffic because stable had no ready pod. */
  readonly standsIn: boolean;
}

/** What a process has decided since the API server last accepted a status from it: while that is refused it goes on in memory. */
interface Unwritten {
  readonly status: CanaryReleaseStatus;
  readonly since: number;
  readonly attempts: ReadonlySet<number>;
  isWritten: boolean;
}

/** What has happened, as far as rules need it. Times in ms of the world's monotonic clock. */
export class Memory {
  /** When each process decided last, by its identity. */
  readonly #decidedAt = new Map<string, number>();
  readonly #givenUp = new Map<string, number | undefined>();
  readonly #unwritten = new Map<string, Unwritten>();
  /** Between the last decision of one process and the first of the next. */
  readonly #gaps: { readonly from: number; readonly to: number }[] = [];
  #last: { readonly identity: string; readonly at: number } | undefined;
  /** By uid. */
  readonly commands = new Map<string, Command>();
  /** When the release in progress was given up, by the status; undefined while it is not. */
  endedAt: number | undefined;
  /** When the release in progress, or the last one, began. */
  begunAt = 0;
  /** Revisions that were rolled back, and nobody has said a word for since. */
  readonly rejected = new Set<string>();
  readonly #held = new Map<string, Held[]>();
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  decided(process: ProcessClock, { observed }: Gathered, { status }: Decision): void {
    const at = this.#simulation.clock.monotonic();
    const { identity } = process;
    this.#decidedAt.set(identity, at);
    this.#givenUp.set(identity, status.ending === undefined ? undefined : status.attempt?.number);
    this.#remember(identity, observed.status, status, at);
    if (this.#simulation.leader?.clock !== process) return;
    if (this.#last !== undefined && this.#last.identity !== identity)
      this.#gaps.push({ from: this.#last.at, to: at });
    this.#last = { identity, at };
  }

  #remember(identity: string, before: CanaryReleaseStatus, status: CanaryReleaseStatus, at: number): void {
    const old = this.#unwritten.get(identity);
    const goesOn = old?.isWritten === false && deepEqual(old.status, before);
    const { since, attempts } = goesOn ? old : { since: at, attempts: [] };
    const isNews = !deepEqual(status, this.#simulation.truth.status);
    if (!isNews) this.#unwritten.delete(identity);
    else
      this.#unwritten.set(identity, {
        status,
        since,
        attempts: new Set([...attempts, status.attempt?.number ?? 0]),
        isWritten: false,
      });
  }

  /** How much of this span (ms) lies between two processes: what was counted then nobody can tell from what was before. */
  unwatched(from: number, to: number): number {
    return this.#gaps.reduce(
      (sum, gap) => sum + Math.max(0, Math.min(to, gap.to) - Math.max(from, gap.from)),
      0,
    );
  }

  /** To be told of each write before the rules are. */
  wrote(write: Write): void {
    if (write.table === 'releasecommands.songbird.dev') this.#commanded(write);
    if (write.table === 'virtualservices.networking.istio.io') this.#routed(write);
    if (write.table === 'canaryreleases.songbird.dev' && write.key === KEY) {
      this.#accepted(write);
      this.#changed(write);
    }
  }

  #accepted({ user, before, after }: Write): void {
    const unwritten = this.#unwritten.get(user);
    if (unwritten === undefined) return;
    if ((before as ReleaseObject | undefined)?.status !== (after as ReleaseObject | undefined)?.status)
      unwritten.isWritten = true;
  }

  /** The attempt that this user has given up in its last pass, whether the status could be written or not. */
  givenUpBy(user: string | undefined): number | undefined {
    return user === undefined ? undefined : this.#givenUp.get(user);
  }

  /** When what this user writes now was decided. */
  decidedAt(user: string): number {
    return this.#decidedAt.get(user) ?? this.#simulation.clock.monotonic();
  }

  /** True when this user has decided on this attempt, though it could not write it. */
  hasDecided(user: string, attempt: number): boolean {
    return this.#unwritten.get(user)?.attempts.has(attempt) === true;
  }

  /** True when this user went on in memory: there were statuses before this one that nobody but itself has seen. */
  hasGoneOn(user: string): boolean {
    return (this.#unwritten.get(user)?.since ?? Infinity) < this.decidedAt(user);
  }

  /** The earliest moment that what this user does now may be based on. */
  basis(user: string): number {
    const { stale, plan } = this.#simulation;
    const decided = Math.min(this.decidedAt(user), this.#unwritten.get(user)?.since ?? Infinity);
    const margin = BEHIND_MS + 3 * plan.latencyMs;
    const windows = stale.filter(({ from, to }) => from <= decided && decided <= to + margin);
    return Math.min(decided, ...windows.map(({ from }) => from)) - margin;
  }

  /** The spans in which a revision had one weight, of those that were not over at `from`. */
  heldSince(revision: string, from: number): readonly Held[] {
    const spans = this.#held.get(revision) ?? [];
    const index = spans.findLastIndex(({ since }) => since <= from);
    return spans.slice(Math.max(0, index));
  }

  #commanded({ at, after }: Write): void {
    const command = after as
      (KubeObject & { spec: { action: Action; revision: string }; status?: { phase?: string } }) | undefined;
    const { uid = '' } = command?.metadata ?? {};
    if (command === undefined) return;
    const { action, revision } = command.spec;
    const known = this.commands.get(uid);
    const isHandled = command.status?.phase !== undefined;
    this.commands.set(uid, { action, revision, createdAt: known?.createdAt ?? at, isHandled });
    if (known !== undefined) return;
    if (action === 'retry' || action === 'rollbackTo') this.rejected.clear();
  }

  #routed({ at, user }: Write): void {
    const { truth, mesh } = this.#simulation;
    const isStableGone =
      isOperator(user) && !truth.isReadySince(truth.status.stableRevision, this.basis(user));
    mesh.serve();
    for (const revision of new Set([...this.#held.keys(), ...Object.keys(truth.weights ?? {})])) {
      const weight = truth.weightOf(revision);
      const spans = this.#held.get(revision) ?? [];
      this.#held.set(revision, spans);
      if ((spans.at(-1)?.weight ?? 0) === weight) continue;
      spans.push({
        weight,
        since: at,
        served: mesh.served.get(revision) ?? 0,
        standsIn: weight === 100 && isStableGone,
      });
    }
  }

  #changed({ at, user, before, after }: Write): void {
    const [old, now] = [before as ReleaseObject | undefined, after as ReleaseObject | undefined];
    if (old === undefined || now === undefined) {
      this.endedAt = undefined;
      this.rejected.clear();
      return;
    }
    const template = (object: ReleaseObject) => JSON.stringify(object.spec.template);
    if (!isOperator(user) && old.spec !== now.spec && template(old) !== template(now)) this.rejected.clear();
    const [was, is]: [CanaryReleaseStatus, CanaryReleaseStatus] = [old.status ?? {}, now.status ?? {}];
    if (is.attempt?.number !== was.attempt?.number) this.begunAt = at;
    if (is.ending === undefined) this.endedAt = undefined;
    else this.endedAt ??= at;
    const [finished] = is.history ?? [];
    if (
      finished?.outcome === 'RolledBack' &&
      JSON.stringify(finished) !== JSON.stringify(was.history?.[0]) &&
      was.attempt?.returning !== true
    )
      this.rejected.add(finished.revision);
  }
}
