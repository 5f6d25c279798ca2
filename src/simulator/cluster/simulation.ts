import type { Decision } from '../../core/model.ts';
import type { Gathered } from '../../controllers/canary-release/observe.ts';
import { OperatorMetrics } from '../../controllers/metrics.ts';
import { OperatorProcess } from '../../controllers/process.ts';
import type { KubeObject } from '../../kube/types.ts';
import { customResourceDefinitions, namespaces, virtualServices } from '../../kube/well-known.ts';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import type { InProcessClient } from '../../sandbox/index.ts';
import { PrometheusSource } from '../../telemetry/prometheus/source.ts';
import { ProxiesSource } from '../../telemetry/proxies/source.ts';
import { createValueReader } from '../../telemetry/values/reader.ts';
import { Dice } from '../dice.ts';
import { FaultyNetwork } from './faulty-network.ts';
import { runJob } from './job-runner.ts';
import { Mesh } from './mesh.ts';
import type { Monitor } from './monitor.ts';
import { FIRST_IMAGE, type Plan, asksPrometheus } from './plan.ts';
import { type Call, ProcessClient } from './process-client.ts';
import { operatorName, ProcessClock } from './process-clock.ts';
import { Prometheus } from './prometheus.ts';
import { Proxies } from './proxies.ts';
import { NAMESPACE, Truth } from './truth.ts';
import { TrueCluster, type Write } from './true-cluster.ts';

/** From the end of a process until a Deployment has started another one (ms). */
const RESTART_MS = 1000;

export interface SimulationListener {
  /** An object was changed; {@link Truth} knows of it already. */
  wrote(write: Write): void;
  /** A process sends a call. */
  sent(name: string, call: Call, process: ProcessClock): void;
  /** A process decided; nothing of it is written yet. */
  decided(process: ProcessClock, gathered: Gathered, decision: Decision): void;
  /** Something that a trace tells of. */
  happened(who: string, what: string): void;
}

/** One operator process that runs. */
export interface Running {
  readonly clock: ProcessClock;
  readonly stopping: AbortController;
}

/** A cluster with its mesh, its callers and the operators of it: the production code, on a clock that stands still. */
export class Simulation {
  readonly clock = new VirtualClock();
  readonly plan: Plan;
  readonly truth: Truth;
  readonly cluster: TrueCluster;
  readonly admin: InProcessClient;
  readonly mesh: Mesh;
  readonly proxies: Proxies;
  readonly prometheus: Prometheus;
  /** What metrics of the release's own ask. */
  readonly monitor: Monitor;
  readonly network: FaultyNetwork;
  /** Those that live. */
  running: Running[] = [];
  /** Since when (ms) caches may be older than they look, by the time until which that holds. */
  readonly stale: { readonly from: number; readonly to: number; readonly aside: boolean }[] = [];
  /** Until then (ms) a fault holds operators up. */
  disturbedUntil = 0;
  /** The same of faults that may hold up a rollback. */
  #hinderedUntil = 0;
  readonly #listener: SimulationListener;
  #launched = 0;
  #begun = false;
  #over = false;

  constructor(plan: Plan, listener: SimulationListener) {
    const { seed } = plan;
    this.plan = plan;
    this.#listener = listener;
    this.truth = new Truth(this.clock);
    this.cluster = new TrueCluster(
      {
        clock: this.clock,
        seed,
        podBehaviour: (pod) => this.#behaviourOf(pod),
      },
      (write) => {
        this.#wrote(write);
      },
    );
    this.admin = this.cluster.client({ user: 'admin' });
    this.mesh = new Mesh(
      this.truth,
      this.clock,
      new Dice(seed * 3 + 1),
      (revision) => plan.versions[this.truth.imageOf(revision)]?.errors ?? 0,
      () => {
        this.#tellEffective();
      },
    );
    this.mesh.perSecond = plan.perSecond;
    this.mesh.delayMs = plan.meshMs;
    this.proxies = new Proxies(this.mesh, this.truth, this.clock);
    this.prometheus = new Prometheus(this.mesh, this.truth, this.clock);
    this.monitor = this.prometheus.monitor;
    this.network = new FaultyNetwork(this.clock, new Dice(seed * 3 + 2), plan.latencyMs, plan.faults, {
      sent: (name, call, process) => {
        listener.sent(name, call, process);
      },
      happened: (fault, what, forMs) => {
        this.disturb(forMs);
        listener.happened('fault', `${fault}: ${what}`);
      },
      crash: (process) => {
        this.crash(process);
      },
      stale: (forMs) => {
        this.markStale(forMs);
      },
    });
  }

  /** @param crds those of the cluster */
  async start(crds: readonly KubeObject[]): Promise<void> {
    this.#begun = true;
    for (const crd of crds) await this.admin.create(customResourceDefinitions, crd);
    for (const name of [NAMESPACE, 'songbird-system']) {
      await this.admin.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
    if (asksPrometheus(this.plan)) this.prometheus.start();
    for (let i = 0; i < this.plan.operators; i++) this.launch();
  }

  stop(): void {
    this.#over = true;
    for (const { clock } of this.running) clock.end();
    this.cluster.stop();
  }

  /**
   * For so long (ms) caches may be as old as they are now, or by `olderMs` more.
   *
   * @param aside true of caches that nobody needs who takes traffic back
   */
  markStale(forMs: number, olderMs = 0, aside = false): void {
    const now = this.clock.monotonic();
    this.stale.push({ from: now - olderMs, to: now + forMs, aside });
  }

  /**
   * A fault holds operators up for so long (ms).
   *
   * @param aside true of one that must not keep anybody from taking traffic back
   */
  disturb(forMs: number, aside = false): void {
    const until = this.clock.monotonic() + forMs;
    this.disturbedUntil = Math.max(this.disturbedUntil, until);
    if (!aside) this.#hinderedUntil = Math.max(this.#hinderedUntil, until);
  }

  /** True while nothing holds up the operator that leads. */
  get isCalm(): boolean {
    const now = this.clock.monotonic();
    const leads = this.leader?.clock.isRunning === true;
    return leads && now > this.disturbedUntil && !this.stale.some(({ to }) => to > now);
  }

  /** True while nothing holds up a rollback: faults that are none of its business do not count. */
  get canRollBack(): boolean {
    const now = this.clock.monotonic();
    const leads = this.leader?.clock.isRunning === true;
    return leads && now > this.#hinderedUntil && !this.stale.some(({ to, aside }) => !aside && to > now);
  }

  /** The process that holds the lease, or is the only one. */
  get leader(): Running | undefined {
    if (!this.plan.leaderElect) return this.running[0];
    return this.running.find(({ clock }) => clock.identity === this.truth.lease?.holder);
  }

  /** Ends a process as SIGKILL does; another one comes for it. */
  crash(clock: ProcessClock): void {
    if (!clock.isAlive) return;
    clock.end();
    this.#listener.happened(clock.identity, 'is dead');
    this.running = this.running.filter((one) => one.clock !== clock);
    this.cluster.endWatches(({ user }) => user === clock.identity);
    this.clock.after(RESTART_MS, () => {
      if (!this.#over) this.launch();
    });
  }

  /** Starts an operator process, as a Deployment does. */
  launch(): void {
    this.#launched += 1;
    const clock = new ProcessClock(this.clock, operatorName(this.#launched));
    const { identity } = clock;
    const stopping = new AbortController();
    this.running = [...this.running, { clock, stopping }];
    const process = this.#processOn(clock);
    this.#listener.happened(identity, 'starts');
    void process.run(stopping.signal).then(
      (outcome) => {
        this.#listener.happened(identity, outcome);
        // Main exits at once when the lease is lost.
        this.crash(clock);
      },
      (error: unknown) => {
        this.#listener.happened(identity, `ends: ${String(error)}`);
        this.crash(clock);
      },
    );
  }

  #processOn(clock: ProcessClock): OperatorProcess {
    const { identity } = clock;
    const server = this.cluster.client({ user: identity });
    const client = new ProcessClient(server, clock, this.network, () => {
      process.doubtWatches();
    });
    const dice = new Dice(this.plan.seed * 31 + this.#launched);
    const proxies = new ProxiesSource(this.proxies.httpFor(clock));
    const http = { prometheus: this.prometheus.httpFor(clock), web: this.monitor.httpFor(clock) };
    const prometheus = new PrometheusSource(http.prometheus, { time: clock });
    const listener = this.#listener;
    const process: OperatorProcess = new OperatorProcess({
      flags: {
        leaderElect: this.plan.leaderElect,
        leaderElectionNamespace: 'songbird-system',
        namespace: undefined,
        workers: 4,
        writesPerSecond: 50,
      },
      client,
      clock,
      identity,
      telemetry: {
        sources: { proxies, prometheus },
        events: { read: () => Promise.reject(new Error('no events here')), forget: () => undefined },
        values: createValueReader(http),
        prometheusAddress: 'http://prometheus:9090',
      },
      metrics: new OperatorMetrics(),
      reporterOf: (events) => ({
        decided: (_key, gathered, decision) => {
          listener.decided(clock, gathered, decision);
        },
        event: (release, { type, reason, message }) => {
          events.record(release, { type, reason, note: message, action: 'Reconcile' });
          listener.happened(identity, `${reason}: ${message}`);
        },
        refused: (_release, { reason, message }) => {
          listener.happened(identity, `refused: ${reason}: ${message}`);
        },
        forgotten: () => undefined,
      }),
      onError: (error, where) => {
        listener.happened(identity, `${where}: ${error instanceof Error ? error.message : String(error)}`);
      },
      say: () => undefined,
      random: () => dice.next(),
    });
    return process;
  }

  #wrote(write: Write): void {
    // The cluster is still being made.
    if (!this.#begun) return;
    this.truth.wrote(write);
    if (write.table === 'virtualservices.networking.istio.io' && !isStatusOnly(write))
      this.mesh.routesWritten();
    if (write.table === 'jobs.batch' && write.before === undefined && write.after !== undefined)
      runJob(this.cluster, write.after, () => this.monitor.check(this.truth.status.candidateRevision ?? ''));
    this.#listener.wrote(write);
  }

  /** Istio says so in the status of the VirtualService, where it is told to. */
  #tellEffective(): void {
    if (!this.plan.meshTells || this.#over) return;
    const { group, version, plural } = virtualServices;
    // The write that took effect is still going on where the mesh is quick.
    this.clock.after(0, () => {
      const object = this.cluster.core.store.get(`${plural}.${group}`, `${NAMESPACE}/cart`);
      if (object === undefined || !this.mesh.isEffective) return;
      const status = {
        observedGeneration: String(object.metadata.generation ?? 0),
        conditions: [{ type: 'Reconciled', status: 'True' }],
      };
      this.cluster.execute({
        verb: 'update',
        group,
        version,
        plural,
        namespace: NAMESPACE,
        name: 'cart',
        subresource: 'status',
        user: 'istiod',
        body: { ...object, status },
        options: {},
      });
    });
  }

  #behaviourOf(pod: KubeObject): { readyAfterMs: number; crash?: { afterMs: number } } {
    const { containers } = (pod as KubeObject & { spec: { containers: { image: string }[] } }).spec;
    const version = this.plan.versions[containers[0]?.image ?? FIRST_IMAGE];
    const { readyMs = 1000, crashMs } = version ?? {};
    return {
      readyAfterMs: readyMs ?? Infinity,
      ...(crashMs === undefined ? {} : { crash: { afterMs: crashMs } }),
    };
  }
}

function isStatusOnly({ request }: Write): boolean {
  return request?.subresource === 'status';
}
