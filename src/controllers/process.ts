import type { Clock } from '../kube/clock.ts';
import { aborted } from '../kube/deadline.ts';
import { EventRecorder } from '../kube/events.ts';
import { type Rate, RateLimitedClient } from '../kube/rate-limit.ts';
import type { ApiClient } from '../kube/types.ts';
import type { Surroundings } from '../notifications/notice.ts';
import type { Http } from '../telemetry/http.ts';
import type { PassObserver } from './canary-release/controller.ts';
import type { TelemetryAccess } from './canary-release/progress.ts';
import type { Flags } from './flags.ts';
import { type Identity, type Leadership, lead } from './lead.ts';
import type { OperatorMetrics } from './metrics.ts';
import { Notifier } from './notifications/notifier.ts';
import { type About, SongbirdOperator } from './operator.ts';
import type { EventSink } from './reporter.ts';

export interface ProcessOptions {
  readonly flags: Pick<
    Flags,
    'leaderElect' | 'leaderElectionNamespace' | 'namespace' | 'workers' | 'writesPerSecond'
  >;
  /** The API server, without limits: what the process writes goes through some of its own, and past the lease. */
  readonly client: ApiClient;
  readonly clock: Clock;
  /** Different for every process that there ever was. */
  readonly identity: string;
  /** True of the identity of an earlier process that has certainly ended; by default of none. */
  readonly hasEnded?: Identity['hasEnded'];
  readonly telemetry: TelemetryAccess;
  readonly metrics: OperatorMetrics;
  /** Who tells people of passes; Events go to the sink. */
  readonly reporterOf: (events: EventSink) => PassObserver;
  /** Runs each pass, and follows it; undefined where nobody traces. */
  readonly follow?: (<T>(key: string, pass: () => Promise<T>) => Promise<T>) | undefined;
  /** How messages of NotificationPolicies are sent; undefined for none. */
  readonly notifications?: (Surroundings & { readonly http: Http }) | undefined;
  readonly onError: (error: unknown, where: string, about?: About) => void;
  readonly say: (level: 'info' | 'warn', sentence: string) => void;
  readonly random?: () => number;
}

/**
 * The operator as a process runs it: its limits, its lease, its Events. What is not in here is the machine's: flags,
 * sockets, signals, logs.
 */
export class OperatorProcess {
  readonly #operator: SongbirdOperator;
  readonly #notifier: Notifier | undefined;
  readonly #leadership: Leadership;
  readonly #say: ProcessOptions['say'];

  constructor(options: ProcessOptions) {
    const { flags, client: direct, clock, identity, onError, say } = options;
    const leadership = lead({ ...options, client: direct });
    const limited = (overall: Rate, perObject: Rate) =>
      new RateLimitedClient(direct, { clock, overall, perObject, beforeWrite: leadership.assertLeader });
    const perSecond = flags.writesPerSecond;
    const events = new EventRecorder({
      // Beside the limits of the other writes: Events must not use up what a release needs.
      client: limited({ perSecond: 10, burst: 50 }, { perSecond: 1, burst: 5 }),
      clock,
      reportingController: 'songbird.dev/operator',
      reportingInstance: identity,
      onError: (error) => {
        onError(error, 'Event');
      },
    });
    this.#operator = new SongbirdOperator({
      ...options,
      client: limited({ perSecond, burst: 2 * perSecond }, { perSecond: 5, burst: 20 }),
      namespace: flags.namespace,
      workers: flags.workers,
      reporter: options.reporterOf(events),
    });
    this.#notifier =
      options.notifications &&
      new Notifier({
        // Beside the limits of releases, too.
        client: limited({ perSecond: 10, burst: 20 }, { perSecond: 1, burst: 5 }),
        clock,
        namespace: flags.namespace,
        releases: this.#operator.informers.releases,
        http: options.notifications.http,
        surroundings: options.notifications,
        events,
        metrics: options.metrics.notifications,
        mayAct: leadership.assertLeader,
        onError,
        say,
        random: options.random ?? Math.random,
      });
    this.#leadership = leadership;
    this.#say = say;
  }

  /** True once every cache holds what the cluster had. */
  get ready(): boolean {
    return this.#operator.ready;
  }

  /** To be called when a request had no answer; see {@link SongbirdOperator.doubtWatches}. */
  doubtWatches(): void {
    if (this.#operator.doubtWatches()) this.#notifier?.rewatch();
  }

  /**
   * Fills the caches, then leads and works, until the signal aborts or the lease is lost. Who has lost it must end without
   * waiting for anything: whoever leads now must not meet passes of this process.
   */
  async run(stopping: AbortSignal): Promise<'released' | 'lost' | 'never led'> {
    // Without an API server the caches are never filled, and a signal must end that, too.
    const filled = this.#operator.start().catch((error: unknown) => {
      if (!stopping.aborted) throw error;
    });
    await Promise.race([filled, aborted(stopping)]);
    if (stopping.aborted) return 'never led';
    this.#say('info', 'the caches are filled');
    this.#notifier?.watch();
    return this.#leadership.run(stopping, async (signal) => {
      this.#say('info', 'works');
      this.#operator.work();
      this.#notifier?.work();
      await aborted(signal);
      await this.shutdown();
    });
  }

  /** Finishes the passes in progress and ends all watches. */
  async shutdown(): Promise<void> {
    await Promise.all([this.#operator.shutdown(), this.#notifier?.stop()]);
  }
}
