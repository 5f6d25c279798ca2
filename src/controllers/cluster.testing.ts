import type { Counts, Interval, Reading, TelemetryQuery, TelemetrySource } from '../analysis/telemetry.ts';
import type { CanaryReleaseStatus, VirtualService } from '../api/index.ts';
import type { Observed } from '../core/model.ts';
import type { InProcessClient } from '../sandbox/index.ts';
import { Cluster } from '../sandbox/index.ts';
import { VirtualClock } from '../kube/virtual-clock.ts';
import { type ApiClient, type KubeObject, isApiError } from '../kube/types.ts';
import { customResourceDefinitions, namespaces, virtualServices } from '../kube/well-known.ts';
import { readCrds } from '../sandbox/demo/manifests.ts';
import type { EventsQuery, Found } from '../telemetry/index.ts';
import type { PassObserver } from './canary-release/controller.ts';
import { canaryReleases } from '../api/resources.ts';
import { Random } from '../sandbox/cluster/random.ts';
import { OperatorMetrics } from './metrics.ts';
import { SongbirdOperator } from './operator.ts';
import type { PassTraces } from './tracing/passes.ts';

const REQUESTS_PER_SECOND = 100;

/** The same dice in every run; another seed by `SEED=7 npx vitest run ...`. */
const SEED = Number(process.env['SEED'] ?? 1);

/** Requests as a mesh would split them by the present routes; the versions in `bad` fail 30% of theirs. */
export class SplitTraffic implements TelemetrySource {
  readonly bad = new Set<string>();
  readonly #cluster: TestCluster;
  down = false;

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  async read({ targets, metrics, from, now }: TelemetryQuery): Promise<Reading> {
    if (this.down) return { ok: false, code: 'TelemetryUnreachable', message: 'the proxies do not answer' };
    const weights = await this.#cluster.weights();
    const seconds = Math.floor((now - from) / 1000);
    const intervals: Interval[] = [];
    for (let i = 0; i < seconds; i++) {
      const counts = Object.fromEntries(
        targets.map(({ revision }) => [
          revision,
          Object.fromEntries(metrics.map(({ name }) => [name, this.#second(revision, weights)])),
        ]),
      );
      intervals.push({ from: from + i * 1000, to: from + (i + 1) * 1000, since: {}, counts });
    }
    return {
      ok: true,
      intervals,
      completeThrough: Object.fromEntries(targets.map(({ revision }) => [revision, now])),
    };
  }

  forget(): void {
    // Keeps nothing.
  }

  #second(revision: string, weights: Readonly<Record<string, number>>): Counts {
    const all = (REQUESTS_PER_SECOND * (weights[revision] ?? 0)) / 100;
    return { all, bad: this.bad.has(this.#cluster.imageOf(revision)) ? 0.3 * all : 0 };
  }
}

/** A cluster in memory with the operator in it, on a clock that tests move. */
export class TestCluster {
  readonly clock = new VirtualClock();
  readonly cluster = new Cluster({ clock: this.clock, seed: SEED });
  readonly admin: InProcessClient = this.cluster.client({ user: 'admin' });
  readonly traffic = new SplitTraffic(this);
  /** What counts by queries of a release come to, when not to what traffic there is. */
  countsQueried: (() => Reading) | undefined;
  /** What a metric finds, by its query or URL. */
  values: (query: string) => Found | Promise<Found> = () => ({ outcome: 'error', message: 'no data' });
  /** What operators did wrong; a test that expects none asserts that it is empty. */
  readonly errors: string[] = [];
  readonly events: string[] = [];
  /** What operators said that they lack or wait for. */
  readonly said: string[] = [];
  /** Why the counts could not be read, by each pass that could not. */
  readonly blind: string[] = [];
  /** Every candidate weight that the routes had. */
  readonly route: number[] = [];
  /** Follows the passes of operators that are made from now on. */
  traces: PassTraces | undefined;
  readonly #images = new Map<string, string>();
  readonly #dice = new Random(SEED);
  readonly random = (): number => this.#dice.below(2 ** 30) / 2 ** 30;
  #operator: SongbirdOperator | undefined;

  /** `lacks` says of a CRD, by its name, that nobody has installed it. */
  static async start(lacks: (crd: string) => boolean = () => false): Promise<TestCluster> {
    const test = new TestCluster();
    await test.install((crd) => !lacks(crd));
    await test.admin.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    await test.clock.advance(1000);
    return test;
  }

  /** Starts an operator, as after a crash: it knows nothing but what is in the cluster. */
  async operate(client: ApiClient = this.cluster.client({ user: 'songbird' })): Promise<SongbirdOperator> {
    const operator = this.operatorWith(client);
    await operator.start();
    operator.work();
    this.#operator = operator;
    return operator;
  }

  /** An operator that has not started yet; what it does is noted here. */
  operatorWith(client: ApiClient): SongbirdOperator {
    const observer: PassObserver = {
      decided: (_key, { observed }, { status }) => {
        this.noteDecision(observed, status);
      },
      event: (_release, { reason, message }) => {
        this.events.push(`${reason}: ${message}`);
      },
      refused: (_release, { message }) => {
        this.events.push(`refused: ${message}`);
      },
      forgotten: () => undefined,
    };
    return new SongbirdOperator({
      client,
      clock: this.clock,
      namespace: undefined,
      workers: 4,
      telemetry: {
        sources: { proxies: this.traffic, prometheus: this.traffic },
        events: {
          read: async (query) => this.countsQueried?.() ?? this.traffic.read(splitQuery(query)),
          forget: () => undefined,
        },
        values: {
          prometheus: async ({ query }) => this.values(query),
          web: async ({ url }) => this.values(url),
        },
        prometheusAddress: undefined,
      },
      metrics: new OperatorMetrics(),
      reporter: this.traces?.over(observer) ?? observer,
      follow: this.traces && ((key, pass) => this.traces?.follow(key, pass) ?? pass()),
      onError: (error, where) => {
        this.errors.push(`${where}: ${String(error)}`);
      },
      say: (level, sentence) => {
        this.said.push(`${level}: ${sentence}`);
      },
      random: this.random,
    });
  }

  /** Notes what a pass saw and decided. */
  noteDecision(observed: Observed, status: CanaryReleaseStatus): void {
    if (observed.telemetry.state === 'failing') this.blind.push(observed.telemetry.problem.reason);
    this.#images.set(observed.target, imageIn(observed.spec.template));
    const weight = status.step?.observedWeight ?? 0;
    if (status.candidateRevision !== undefined && this.route.at(-1) !== weight) this.route.push(weight);
  }

  /** Installs those of the CRDs whose names are wanted. */
  async install(wanted: (crd: string) => boolean): Promise<void> {
    for (const crd of await readCrds()) {
      if (wanted(crd.metadata.name)) await this.admin.create(customResourceDefinitions, crd);
    }
  }

  async stop(): Promise<void> {
    const stopped = this.#operator?.shutdown();
    await this.clock.advance(1000);
    await stopped;
  }

  async apply(image: string, spec: Record<string, unknown> = {}): Promise<void> {
    await this.admin.patch(
      canaryReleases,
      { namespace: 'shop', name: 'cart' },
      'apply',
      manifest(image, spec),
      {
        fieldManager: 'admin',
        force: true,
      },
    );
  }

  async status(): Promise<CanaryReleaseStatus> {
    const release = await this.admin.get<KubeObject & { status?: CanaryReleaseStatus }>(canaryReleases, {
      namespace: 'shop',
      name: 'cart',
    });
    return release.status ?? {};
  }

  /** Percent by revision, as the routes stand. */
  async weights(): Promise<Record<string, number>> {
    try {
      const { spec } = await this.admin.get<VirtualService>(virtualServices, {
        namespace: 'shop',
        name: 'cart',
      });
      const route = spec.http?.[0]?.route ?? [];
      return Object.fromEntries(
        route.map(({ destination, weight }) => [destination.subset ?? '', weight ?? 100]),
      );
    } catch (error) {
      if (isApiError(error, 404)) return {};
      throw error;
    }
  }

  imageOf(revision: string): string {
    return this.#images.get(revision) ?? '';
  }

  /** Moves time on a second at a time until the status is as wanted, for a minute of virtual time at most. */
  async until(wanted: (status: CanaryReleaseStatus) => boolean, seconds = 60): Promise<CanaryReleaseStatus> {
    for (let i = 0; i < seconds; i++) {
      const status = await this.status();
      if (wanted(status)) return status;
      await this.clock.advance(1000);
    }
    throw new Error(
      `not within ${seconds} s (SEED=${SEED}): ${JSON.stringify(await this.status())}; errors ${this.errors.join('; ')}`,
    );
  }
}

/** At rest, with nothing to say against it. */
export function healthy({ phase, conditions }: CanaryReleaseStatus): boolean {
  return (
    phase === 'Healthy' &&
    conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
  );
}

/** Events by queries of a release are split as requests are. */
function splitQuery({ candidate, stable, metrics, from, now }: EventsQuery): TelemetryQuery {
  const target = (revision: string) => ({ revision, workload: revision, fresh: false, pods: [] });
  return {
    namespace: 'shop',
    release: 'cart',
    targets: [target(candidate), target(stable)],
    metrics: metrics.map(({ name }) => ({ name, kind: 'errors' as const })),
    from,
    now,
  };
}

export function manifest(image: string, spec: Record<string, unknown> = {}): KubeObject & { spec: unknown } {
  return {
    apiVersion: 'songbird.dev/v1alpha1',
    kind: 'CanaryRelease',
    metadata: { name: 'cart', namespace: 'shop' },
    spec: {
      replicas: 2,
      template: { spec: { containers: [{ name: 'app', image }] } },
      service: { name: 'cart', port: 80, portName: 'http' },
      traffic: { istio: { hosts: ['cart'] } },
      steps: [
        { weight: 20, for: '5s' },
        { weight: 60, for: '5s' },
        { weight: 100, for: '2s' },
      ],
      scaleDownDelay: '5s',
      ...spec,
    },
  };
}

function imageIn(template: { spec: { containers: readonly { image?: string | undefined }[] } }): string {
  return template.spec.containers[0]?.image ?? '';
}
