import { isDeepStrictEqual } from 'node:util';
import type { AnalysisStatus, CanaryReleaseSpec, CanaryReleaseStatus, Verdict } from '../../api/index.ts';
import { baselineName, canaryReleaseSpec } from '../../api/index.ts';
import { decide } from '../../core/decide.ts';
import { Invariants } from './invariants.ts';
import type {
  Baseline,
  Decision,
  Effect,
  Observed,
  PendingCommand,
  ReleaseEvent,
  TelemetryState,
  Workload,
} from '../../core/model.ts';
import { iso, ms } from '../../core/model.ts';

/** What stands for the pods of fresh baselines among the broken ones. */
export const BASELINE = 'baseline';

const START = Date.UTC(2030, 0, 1);

/** What becomes of a pass: it is carried out; its status is written and its effect lost; nothing of it is written. */
export type Fate = 'done' | 'effect lost' | 'lost';

/**
 * A small world for tests of the core: the candidate is judged as the test says, and effects are applied as a cluster
 * would apply them. Pods get ready and routes take effect at once, unless the world is slow.
 */
export class World {
  now = START;
  target = 'v1';
  generation = 1;
  status: CanaryReleaseStatus = {};
  spec: CanaryReleaseSpec;
  workloads: Record<string, Workload> = {};
  baselines: Record<string, Baseline> = {};
  jobs: Record<string, 'running' | 'ended'> = {};
  weights: Record<string, number> | undefined = undefined;
  subsets: string[] = [];
  /** Something else than weights and subsets was edited in the routes. */
  routesEdited = false;
  /** The mesh has taken the routes over. */
  effective = true;
  service: Observed['service'] = 'absent';
  finalizer = false;
  deleting = false;
  problems: Observed['problems'] = [];
  refusedWrite: Observed['refusedWrite'] = undefined;
  telemetry: TelemetryState = { state: 'readable', counted: true };
  /** The source's data end here (ms since the epoch); at the present when undefined. */
  dataEnd: number | undefined = undefined;
  /** Those of stable end here at the latest. */
  stableEnd: number | undefined = undefined;
  verdict: Verdict = 'Pass';
  /** The evidence at the present weight shows that the candidate is harmless. */
  harmless = false;
  /** So much of the present window was not counted (ms). */
  uncounted = 0;
  commands: PendingCommand[] = [];
  /** Revisions whose pods never become ready; {@link BASELINE} for those of baselines. */
  readonly broken = new Set<string>();
  /** Pods get ready, and the mesh takes routes over, only as time passes; a route is several writes. */
  slow = false;
  /** Every weight that the candidate had, in order. */
  readonly route: string[] = [];
  readonly events: ReleaseEvent[] = [];
  readonly effects: Effect[] = [];
  /** The wall clock was set forward while the present weight was watched. */
  timeSkipped = false;
  readonly #invariants = new Invariants();
  #uids = 0;

  constructor(spec: Partial<CanaryReleaseSpec> = {}) {
    this.spec = canaryReleaseSpec.parse({
      replicas: 3,
      template: { spec: { containers: [{ name: 'app', image: 'app:1' }] } },
      service: { name: 'app', port: 80, portName: 'http' },
      traffic: { istio: { hosts: ['app'] } },
      steps: [
        { weight: 5, for: '10s' },
        { weight: 40, for: '10s' },
        { weight: 100, for: '10s' },
      ],
      ...spec,
    });
  }

  /** A world in which `v1` is stable and healthy. */
  static healthy(spec: Partial<CanaryReleaseSpec> = {}): World {
    const world = new World(spec);
    world.settle();
    return world;
  }

  observe(): Observed {
    return {
      name: 'app',
      generation: this.generation,
      deleting: this.deleting,
      hasFinalizer: this.finalizer,
      spec: this.spec,
      status: this.status,
      target: this.target,
      workloads: this.workloads,
      baselines: this.baselines,
      service: this.service,
      traffic: {
        weights: this.weights,
        subsets: this.subsets,
        drifted: this.routesEdited,
        effective: this.effective,
      },
      problems: this.problems,
      refusedWrite: this.refusedWrite,
      commands: this.commands,
      jobs: this.jobs,
      ...(this.timeSkipped ? { timeSkipped: true } : {}),
      telemetry: this.#isRead() ? this.telemetry : { state: 'unused' },
      analysis: this.#analysis(),
    };
  }

  /** One pass: status, then the effect. */
  pass(fate: Fate = 'done'): Decision {
    const observed = this.observe();
    const decision = decide(observed, this.now);
    if (fate === 'lost') return decision;
    this.#invariants.check(observed, decision, this.now);
    this.status = decision.status;
    this.events.push(...decision.events);
    if (decision.effect !== undefined && fate === 'done') {
      this.effects.push(decision.effect);
      this.#apply(decision.effect);
    }
    return decision;
  }

  /** What a second brings by itself: pods get ready as far as they can, and the mesh takes over what is written. */
  tick(): void {
    this.now += 1000;
    if (!this.slow) return;
    this.effective = true;
    for (const [revision, workload] of Object.entries(this.workloads)) {
      this.workloads[revision] = { ...workload, ready: this.#couldServe(revision, workload.replicas) };
    }
    for (const [name, baseline] of Object.entries(this.baselines)) {
      this.baselines[name] = { ...baseline, ready: this.#couldServe(BASELINE, baseline.replicas) };
    }
  }

  /** Passes until nothing is left to do at this moment. */
  settle(): void {
    for (let i = 0; i < 100; i++) {
      const before = JSON.stringify(this.status);
      const { effect } = this.pass();
      if (effect === undefined && JSON.stringify(this.status) === before) return;
    }
    throw new Error(`does not settle: ${JSON.stringify(this.effects.slice(-4))}`);
  }

  /** Lets time go by, a second at a time. */
  run(seconds: number): void {
    for (let i = 0; i < seconds; i++) {
      this.tick();
      this.settle();
    }
  }

  release(revision: string): void {
    this.target = revision;
    this.generation++;
    this.settle();
  }

  command(action: PendingCommand['spec']['action'], revision: string): void {
    this.order(action, revision);
    this.settle();
  }

  /** Creates a ReleaseCommand that no pass has seen yet. */
  order(action: PendingCommand['spec']['action'], revision: string): void {
    const uid = `uid-${this.#uids++}`;
    const spec = { release: 'app', revision, action, ttl: '1h' };
    this.commands.push({ name: `${action}-${revision}`, uid, spec, createdAt: this.now });
  }

  /** Someone edits the manifest, the template aside. */
  respec(change: Partial<CanaryReleaseSpec>): void {
    this.spec = { ...this.spec, ...change };
    this.generation++;
  }

  /** Someone edits a revision's Deployment, or that of {@link BASELINE}, or its pods change; nothing where there is none. */
  edit(revision: string, change: Partial<Workload>): void {
    if (revision === BASELINE) {
      const edited = Object.entries(this.baselines).map(
        ([name, it]) => [name, { ...it, ...change }] as const,
      );
      this.baselines = Object.fromEntries(edited);
      return;
    }
    const workload = this.workloads[revision];
    if (workload === undefined) return;
    const edited = { ...workload, ...change };
    const ready = Math.min(edited.ready, edited.replicas);
    this.workloads = { ...this.workloads, [revision]: { ...edited, ready } };
  }

  get candidateWeight(): number {
    return this.weights?.[this.status.candidateRevision ?? ''] ?? 0;
  }

  /** Sources are asked while a candidate serves, or is about to. */
  #isRead(): boolean {
    const { candidateRevision, stableRevision, attempt, ending } = this.status;
    if (candidateRevision === undefined || stableRevision === undefined || attempt === undefined)
      return false;
    return ending === undefined && !this.deleting && (this.workloads[candidateRevision]?.ready ?? 0) > 0;
  }

  #analysis(): AnalysisStatus | undefined {
    const { candidateRevision, step, analysis } = this.status;
    if (candidateRevision === undefined || !this.#isRead() || this.telemetry.state !== 'readable')
      return undefined;
    const counts = { all: 100, bad: 0 };
    const end = iso(Math.min(this.now, this.dataEnd ?? Infinity));
    const verdict = this.#verdict(analysis?.revision === candidateRevision ? analysis.verdict : undefined);
    return {
      revision: candidateRevision,
      ...(step?.observedAt === undefined ? {} : { windowFrom: step.observedAt }),
      ...(this.uncounted === 0 || step?.observedAt === undefined ? {} : { uncountedMs: this.uncounted }),
      through: end,
      completeThrough: end,
      stableThrough: iso(Math.min(this.now, this.dataEnd ?? Infinity, this.stableEnd ?? Infinity)),
      verdict,
      message: `the test says ${verdict}`,
      metrics: [
        {
          name: 'errors',
          limit: 0.01,
          verdict,
          message: '',
          candidate: counts,
          stable: counts,
          window: counts,
          evidence: 0,
          ...(this.harmless && step?.observedAt !== undefined ? { harmless: true } : {}),
        },
      ],
    };
  }

  /** A failure stays one; without requests at this weight there is nothing to pass. */
  #verdict(before: Verdict | undefined): Verdict {
    if (before === 'Fail') return 'Fail';
    if (this.candidateWeight === 0) return 'Inconclusive';
    return this.verdict === 'Pass' && this.status.step?.observedAt === undefined
      ? 'Inconclusive'
      : this.verdict;
  }

  #scaled(kind: string, before: Workload | undefined, replicas: number): Workload {
    const possible = this.#couldServe(kind, replicas);
    const ready = this.slow ? Math.min(before?.ready ?? 0, possible) : possible;
    const { report } = before ?? {};
    return { replicas, ready, pods: replicas, drifted: false, ...(report === undefined ? {} : { report }) };
  }

  #couldServe(revision: string, replicas: number): number {
    return this.broken.has(revision) ? 0 : replicas;
  }

  #apply(effect: Effect): void {
    switch (effect.kind) {
      case 'addFinalizer':
        this.finalizer = true;
        return;
      case 'removeFinalizer':
        this.finalizer = false;
        return;
      case 'applyService':
        this.service = 'ok';
        return;
      case 'applyDeployment':
      case 'scaleDeployment': {
        const { revision } = effect;
        const scaled = this.#scaled(revision, this.workloads[revision], effect.replicas);
        this.workloads = { ...this.workloads, [revision]: scaled };
        return;
      }
      case 'applyBaseline': {
        const { revision, attempt } = effect;
        const name = baselineName('app', revision, attempt);
        if (this.workloads[revision] === undefined) throw new Error(`${revision} has no template`);
        const scaled = this.#scaled(BASELINE, this.baselines[name], effect.replicas);
        this.baselines = { ...this.baselines, [name]: { ...scaled, revision } };
        return;
      }
      case 'deleteBaseline': {
        const { [effect.name]: gone, ...rest } = this.baselines;
        if (gone === undefined) throw new Error(`${effect.name} is not there`);
        this.baselines = rest;
        return;
      }
      case 'deleteDeployment': {
        const { [effect.revision]: gone, ...rest } = this.workloads;
        if (gone === undefined) throw new Error(`${effect.revision} is not there`);
        this.workloads = rest;
        return;
      }
      case 'createJob':
      case 'deleteJob':
        this.#job(effect);
        return;
      case 'route':
        this.#route(effect);
        return;
      case 'unroute':
        this.weights = undefined;
        this.subsets = [];
        return;
      case 'keepReport': {
        const { revision, report } = effect;
        const workload = this.workloads[revision];
        if (workload === undefined) throw new Error(`${revision} has no Deployment`);
        const kept = { ...workload, report: report.release.startedAt };
        this.workloads = { ...this.workloads, [revision]: kept };
        return;
      }
      case 'finishCommand':
        this.commands = this.commands.map((command) =>
          command.uid === effect.uid ? { ...command, finishedAt: ms(effect.at) } : command,
        );
        return;
      case 'deleteCommand':
        this.commands = this.commands.filter(({ uid }) => uid !== effect.uid);
    }
  }

  #job({ kind, name }: Extract<Effect, { kind: 'createJob' | 'deleteJob' }>): void {
    const { [name]: running, ...rest } = this.jobs;
    if (kind === 'deleteJob' && running === undefined) throw new Error(`Job ${name} is not there`);
    this.jobs = kind === 'createJob' ? { ...rest, [name]: 'running' } : rest;
  }

  /** As a router writes: subsets that are needed, then weights, then without the subsets that nothing names. */
  #route({ weights, subsets }: Extract<Effect, { kind: 'route' }>): void {
    const needed = Object.keys(weights).filter((revision) => !this.subsets.includes(revision));
    if (needed.length > 0) {
      this.subsets = [...this.subsets, ...needed];
      if (this.slow) return;
    }
    if (this.weights === undefined || !isDeepStrictEqual(weights, this.weights) || this.routesEdited) {
      this.#writeWeights(weights);
      if (this.slow) return;
    }
    for (const revision of Object.keys(this.weights ?? {})) {
      if (!subsets.includes(revision)) throw new Error(`the subset ${revision} goes while a route names it`);
    }
    this.subsets = [...subsets];
  }

  #writeWeights(weights: Readonly<Record<string, number>>): void {
    this.weights = { ...weights };
    this.routesEdited = false;
    if (this.slow) this.effective = false;
    const text = Object.entries(weights)
      .map(([revision, weight]) => `${revision}:${weight}`)
      .join(' ');
    if (this.route.at(-1) !== text) this.route.push(text);
  }
}
