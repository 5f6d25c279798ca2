import type { AnalysisStatus, CanaryReleaseSpec, CanaryReleaseStatus, Verdict } from '../api/index.ts';
import { canaryReleaseSpec } from '../api/index.ts';
import { decide } from './decide.ts';
import type {
  Decision,
  Effect,
  Observed,
  PendingCommand,
  ReleaseEvent,
  TelemetryState,
  Workload,
} from './model.ts';
import { iso, ms } from './model.ts';

const START = Date.UTC(2030, 0, 1);

/**
 * A small world for tests of the core: pods become ready at once, routes take effect at once, and the candidate is
 * judged as the test says. Effects are applied as a cluster would apply them.
 */
export class World {
  now = START;
  target = 'v1';
  generation = 1;
  status: CanaryReleaseStatus = {};
  spec: CanaryReleaseSpec;
  workloads: Record<string, Workload> = {};
  weights: Record<string, number> | undefined = undefined;
  subsets: string[] = [];
  service: Observed['service'] = 'absent';
  finalizer = false;
  deleting = false;
  problems: Observed['problems'] = [];
  telemetry: TelemetryState = { state: 'readable', counted: true };
  verdict: Verdict = 'Pass';
  commands: PendingCommand[] = [];
  /** Revisions whose pods never become ready. */
  readonly broken = new Set<string>();
  /** Every weight that the candidate had, in order. */
  readonly route: string[] = [];
  readonly events: ReleaseEvent[] = [];
  readonly effects: Effect[] = [];

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
      service: this.service,
      traffic: { weights: this.weights, subsets: this.subsets, drifted: false, effective: true },
      problems: this.problems,
      commands: this.commands,
      telemetry: this.telemetry,
      analysis: this.#analysis(),
    };
  }

  /** One pass: status, then the effect. */
  pass(): Decision {
    const decision = decide(this.observe(), this.now);
    this.status = decision.status;
    this.events.push(...decision.events);
    if (decision.effect !== undefined) {
      this.effects.push(decision.effect);
      this.#apply(decision.effect);
    }
    return decision;
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
      this.now += 1000;
      this.settle();
    }
  }

  release(revision: string): void {
    this.target = revision;
    this.generation++;
    this.settle();
  }

  command(action: PendingCommand['spec']['action'], revision: string): void {
    const uid = `uid-${this.commands.length}`;
    const spec = { release: 'app', revision, action, ttl: '1h' };
    this.commands.push({ name: `${action}-${revision}`, uid, spec, createdAt: this.now });
    this.settle();
  }

  get candidateWeight(): number {
    return this.weights?.[this.status.candidateRevision ?? ''] ?? 0;
  }

  #analysis(): AnalysisStatus | undefined {
    const { candidateRevision, stableRevision, step, ending } = this.status;
    if (candidateRevision === undefined || stableRevision === undefined || ending !== undefined)
      return undefined;
    if (this.telemetry.state !== 'readable') return undefined;
    const counts = { all: 100, bad: 0 };
    const verdict = this.candidateWeight === 0 ? 'Inconclusive' : this.verdict;
    return {
      revision: candidateRevision,
      ...(step?.observedAt === undefined ? {} : { windowFrom: step.observedAt }),
      through: iso(this.now),
      completeThrough: iso(this.now),
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
        },
      ],
    };
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
        const { revision, replicas } = effect;
        const ready = this.broken.has(revision) ? 0 : replicas;
        this.workloads = {
          ...this.workloads,
          [revision]: { replicas, ready, pods: replicas, drifted: false },
        };
        return;
      }
      case 'deleteDeployment': {
        const { [effect.revision]: gone, ...rest } = this.workloads;
        if (gone === undefined) throw new Error(`${effect.revision} is not there`);
        this.workloads = rest;
        return;
      }
      case 'route':
        this.#route(effect);
        return;
      case 'unroute':
        this.weights = undefined;
        this.subsets = [];
        return;
      case 'finishCommand':
        this.commands = this.commands.map((command) =>
          command.uid === effect.uid ? { ...command, finishedAt: ms(effect.at) } : command,
        );
        return;
      case 'deleteCommand':
        this.commands = this.commands.filter(({ uid }) => uid !== effect.uid);
    }
  }

  #route({ weights, subsets }: Extract<Effect, { kind: 'route' }>): void {
    const sum = Object.values(weights).reduce((total, weight) => total + weight, 0);
    if (sum !== 100) throw new Error(`weights-sum: ${JSON.stringify(weights)}`);
    for (const [revision, weight] of Object.entries(weights)) {
      const ready = this.workloads[revision]?.ready ?? 0;
      const gained = weight > (this.weights?.[revision] ?? 0);
      if (gained && ready === 0) throw new Error(`no-empty-backend: ${revision}`);
    }
    this.weights = { ...weights };
    this.subsets = [...subsets];
    const text = Object.entries(weights)
      .map(([revision, weight]) => `${revision}:${weight}`)
      .join(' ');
    if (this.route.at(-1) !== text) this.route.push(text);
  }
}
