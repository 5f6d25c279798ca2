import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import type { CanaryReleaseStatus, HistoryEntry } from '../../api/index.ts';
import type { Decision, ReleaseEvent } from '../../core/model.ts';
import type { RequestInfo } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import type { PassObserver } from '../canary-release/controller.ts';
import type { Gathered } from '../canary-release/observe.ts';

/** Of a span: 32 and 16 hexadecimal digits. */
export interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
}

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** A span that is over, in plain data. Times are milliseconds since the epoch. */
export interface SpanRecord {
  readonly name: string;
  /** Its own ids, where others have to find it by them. */
  readonly ids?: SpanIds;
  /** Undefined: it has a trace of its own. */
  readonly parent?: SpanIds | undefined;
  readonly start: number;
  readonly end: number;
  readonly attributes: Attributes;
  readonly events?: readonly {
    readonly name: string;
    readonly at: number;
    readonly attributes: Attributes;
  }[];
  /** What went wrong. */
  readonly error?: string | undefined;
  /** Calls to the API server. */
  readonly calls?: readonly SpanRecord[];
}

/** A pass under way. */
interface Pass {
  readonly calls: SpanRecord[];
  readonly events: { name: string; at: number; attributes: Attributes }[];
  decided?: { readonly gathered: Gathered; readonly decision: Decision };
}

/**
 * Follows passes over releases, and tells of each that did something: as a part of the trace of its release, whose ids follow
 * from the release's uid, the revision and the attempt. So passes hang together whichever operator makes them. The span of
 * the release itself comes when it is over.
 */
export class PassTraces {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #emit: (span: SpanRecord) => void;
  readonly #current = new AsyncLocalStorage<Pass>();

  constructor(clock: Pick<Clock, 'now'>, emit: (span: SpanRecord) => void) {
    this.#clock = clock;
    this.#emit = emit;
  }

  /** Runs a pass, and tells of it. @throws what the pass throws */
  async follow<T>(key: string, run: () => Promise<T>): Promise<T> {
    const pass: Pass = { calls: [], events: [] };
    const start = this.#clock.now();
    try {
      const result = await this.#current.run(pass, run);
      this.#tell(key, pass, start, undefined);
      return result;
    } catch (error) {
      this.#tell(key, pass, start, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** A call to the API server is over; of one that belongs to no pass nothing is told. */
  requested({ verb, resource, code, ms, dryRun }: RequestInfo): void {
    const pass = this.#current.getStore();
    if (pass === undefined) return;
    const end = this.#clock.now();
    pass.calls.push({
      name: `${verb} ${resource}`,
      start: end - ms,
      end,
      attributes: {
        'songbird.api.verb': verb,
        'songbird.api.resource': resource,
        'songbird.api.dry_run': dryRun,
        'http.response.status_code': code,
      },
      error: code === 0 ? 'no answer' : code >= 400 ? `answered ${code}` : undefined,
    });
  }

  /** The observer of passes, told of what they decide on the way to another one. */
  over(observer: PassObserver): PassObserver {
    return {
      decided: (key, gathered, decision) => {
        const pass = this.#current.getStore();
        if (pass !== undefined) pass.decided = { gathered, decision };
        observer.decided(key, gathered, decision);
      },
      event: (release, event) => {
        this.#note(event);
        observer.event(release, event);
      },
      refused: (release, problem) => {
        this.#note({ type: 'Warning', ...problem });
        observer.refused(release, problem);
      },
      forgotten: (key) => {
        observer.forgotten(key);
      },
    };
  }

  #note({ type, reason, message }: ReleaseEvent): void {
    this.#current.getStore()?.events.push({
      name: reason,
      at: this.#clock.now(),
      attributes: { 'songbird.event.type': type, 'songbird.event.message': message },
    });
  }

  #tell(key: string, pass: Pass, start: number, error: string | undefined): void {
    const { calls, events, decided } = pass;
    const before = decided?.gathered.observed.status;
    const after = decided?.decision.status;
    const over = error === undefined ? finished(before, after) : undefined;
    // One that only looked is no news: in a release there is one each second.
    const isNews = calls.length > 0 || events.length > 0 || decided?.decision.effect !== undefined;
    if (!isNews && error === undefined && over === undefined) return;
    const uid = decided?.gathered.release.metadata.uid ?? '';
    const [, name = ''] = key.split('/');
    const attributes = { 'k8s.namespace.name': key.split('/')[0], 'songbird.release': name };
    this.#emit({
      name: 'pass',
      parent: parentOf(uid, before, after),
      start,
      end: this.#clock.now(),
      attributes: { ...attributes, ...attributesOf(decided?.decision) },
      events,
      error,
      calls,
    });
    if (over !== undefined) this.#emit(releaseSpan(uid, over.attempt, over.entry, attributes));
  }
}

/** The ids of the span of one release: the same in every operator. */
export function releaseIds(uid: string, revision: string, attempt: number): SpanIds {
  const hex = createHash('sha256').update(`${uid}/${revision}/${attempt}`).digest('hex');
  return { traceId: hex.slice(0, 32), spanId: hex.slice(32, 48) };
}

/** A pass belongs to the release that it found; the first one to the release that it began; at rest to none. */
function parentOf(
  uid: string,
  before: CanaryReleaseStatus | undefined,
  after: CanaryReleaseStatus | undefined,
): SpanIds | undefined {
  for (const status of [before, after]) {
    const { candidateRevision, attempt } = status ?? {};
    if (candidateRevision !== undefined && attempt !== undefined) {
      return releaseIds(uid, candidateRevision, attempt.number);
    }
  }
  return undefined;
}

function finished(
  before: CanaryReleaseStatus | undefined,
  after: CanaryReleaseStatus | undefined,
): { entry: HistoryEntry; attempt: number } | undefined {
  const [entry] = after?.history ?? [];
  if (entry === undefined || entry.finishedAt === before?.history?.[0]?.finishedAt) return undefined;
  const attempt = before?.attempt?.number ?? after?.attempt?.number;
  return attempt === undefined ? undefined : { entry, attempt };
}

function releaseSpan(uid: string, attempt: number, entry: HistoryEntry, attributes: Attributes): SpanRecord {
  const { revision, version, outcome, reason, message, startedAt, finishedAt, requests, failed } = entry;
  return {
    name: 'release',
    ids: releaseIds(uid, revision, attempt),
    start: Date.parse(startedAt),
    end: Date.parse(finishedAt),
    attributes: {
      ...attributes,
      'songbird.revision': revision,
      'songbird.version': version,
      'songbird.attempt': attempt,
      'songbird.outcome': outcome,
      'songbird.reason': reason,
      'songbird.message': message,
      'songbird.requests': requests,
      'songbird.requests.failed': failed,
    },
    error: outcome === 'RolledBack' ? message : undefined,
  };
}

function attributesOf(decision: Decision | undefined): Attributes {
  if (decision === undefined) return {};
  const { status, effect, requeueAt } = decision;
  return {
    'songbird.revision': status.candidateRevision ?? status.stableRevision,
    'songbird.attempt': status.attempt?.number,
    'songbird.phase': status.phase,
    'songbird.weight': status.step?.observedWeight,
    'songbird.message': status.message,
    'songbird.effect': effect?.kind,
    'songbird.effect.weights': effect?.kind === 'route' ? JSON.stringify(effect.weights) : undefined,
    'songbird.requeue_at': requeueAt === undefined ? undefined : new Date(requeueAt).toISOString(),
  };
}
