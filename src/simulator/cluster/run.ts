import type { CanaryReleaseStatus } from '../../api/index.ts';
import type { KubeObject } from '../../kube/types.ts';
import { Editors } from './edits.ts';
import type { Recorded } from './faulty-network.ts';
import type { Losses } from './mesh.ts';
import { type Plan, endOfTroubles } from './plan.ts';
import { isOperator } from './process-clock.ts';
import { BasisRules } from './rules/basis.ts';
import { CommandRules } from './rules/commands.ts';
import { ConductRules } from './rules/conduct.ts';
import { CourseRules } from './rules/course.ts';
import { Memory } from './rules/memory.ts';
import { PassRules } from './rules/passes.ts';
import { ProgressRules } from './rules/progress.ts';
import { RouteRules } from './rules/routes.ts';
import type { Invariant, Rule, Scene } from './rules/rule.ts';
import { TimelyRules } from './rules/timely.ts';
import { Rest } from './rules/rest.ts';
import { Simulation } from './simulation.ts';
import type { Write } from './true-cluster.ts';
import { Trace } from './trace.ts';
import { Troubles } from './troubles.ts';

export interface Violation {
  readonly invariant: Invariant;
  /** When (ms from the beginning). */
  readonly at: number;
  readonly sentence: string;
}

export interface Outcome {
  /** Passes and writes that the rules looked at. */
  readonly steps: number;
  /** Faults that happened. */
  readonly faults: number;
  readonly violations: readonly Violation[];
  readonly trace: readonly string[];
  /** Calls and events of the run, on which faults can hang. */
  readonly recorded: readonly Recorded[];
  readonly losses: Losses;
  readonly status: CanaryReleaseStatus;
  /** How long it took in the world of the plan (ms). */
  readonly tookMs: number;
}

export interface RunOptions {
  /** So long is a release watched at rest (ms); three minutes when left out. */
  readonly quietMs?: number;
  /** Called before the first second: someone who does what no plan can. */
  readonly meddle?: (simulation: Simulation) => void;
}

const TICK_MS = 1000;
const QUIET_MS = 180_000;

/**
 * Plays a plan to its end: the release at rest, or an invariant broken. The same plan gives the same outcome.
 *
 * @param crds those of the cluster
 */
export async function runPlan(
  plan: Plan,
  crds: readonly KubeObject[],
  options: RunOptions = {},
): Promise<Outcome> {
  const run = new Run(plan, options.quietMs ?? QUIET_MS);
  options.meddle?.(run.simulation);
  try {
    await run.play(crds);
    return run.outcome();
  } finally {
    run.simulation.stop();
  }
}

class Run implements Scene {
  readonly simulation: Simulation;
  readonly memory: Memory;
  readonly #plan: Plan;
  readonly #rules: readonly Rule[];
  readonly #rest: Rest;
  readonly #trace: Trace;
  readonly #troubles: Troubles;
  readonly #violations: Violation[] = [];
  #steps = 0;
  #callFaults = 0;

  constructor(plan: Plan, quietMs: number) {
    this.#plan = plan;
    const rules: Rule[] = [];
    const happened = (who: string, what: string) => {
      if (who === 'fault' && !what.startsWith('{') && !what.startsWith('ends')) this.#callFaults += 1;
      this.#trace.tell(who, what);
    };
    this.simulation = new Simulation(plan, {
      wrote: (write) => {
        this.#wrote(write);
      },
      sent: (_name, call, process) => {
        for (const rule of this.#rules) rule.sent?.(call, process);
      },
      decided: (process, gathered, decision) => {
        this.#steps += 1;
        this.memory.decided(process, gathered, decision);
        for (const rule of this.#rules) rule.decided?.(process, gathered, decision);
      },
      happened,
    });
    this.memory = new Memory(this.simulation);
    this.#trace = new Trace(this.simulation);
    this.#troubles = new Troubles(this.simulation, happened);
    this.#rest = new Rest(this, quietMs);
    rules.push(
      new PassRules(this),
      new RouteRules(this),
      new ProgressRules(this),
      new CourseRules(this),
      new ConductRules(this),
      new BasisRules(this),
      new CommandRules(this),
      new TimelyRules(this),
      this.#rest,
    );
    this.#rules = rules;
  }

  broken(invariant: Invariant, said: string): void {
    const sentence = this.#named(said);
    this.#violations.push({ invariant, at: this.simulation.clock.monotonic(), sentence });
    this.#trace.tell('BROKEN', `${invariant}: ${sentence}`);
  }

  /** With images for hashes. */
  #named(text: string): string {
    const { images } = this.simulation.truth;
    return [...images].reduce((named, [revision, image]) => named.replaceAll(revision, image), text);
  }

  async play(crds: readonly KubeObject[]): Promise<void> {
    const { simulation } = this;
    await simulation.start(crds);
    const editors = new Editors(simulation, (who, what) => {
      this.#trace.tell(who, what);
    });
    await editors.start();
    this.#troubles.start();
    await this.#until(endOfTroubles(this.#plan));
    await this.#rest.settle(() => this.#second());
  }

  outcome(): Outcome {
    const { simulation } = this;
    simulation.mesh.serve();
    return {
      steps: this.#steps,
      faults: this.#troubles.fired + this.#callFaults,
      violations: this.#violations,
      trace: this.#trace.lines,
      recorded: simulation.network.recorded,
      losses: simulation.mesh.losses,
      status: simulation.truth.status,
      tookMs: simulation.clock.monotonic(),
    };
  }

  async #until(end: number): Promise<void> {
    while (this.simulation.clock.monotonic() < end && (await this.#second()));
  }

  /** @returns false once an invariant is broken */
  async #second(): Promise<boolean> {
    await this.simulation.clock.advance(TICK_MS);
    for (const rule of this.#rules) rule.tick?.();
    return this.#violations.length === 0;
  }

  #wrote(write: Write): void {
    this.memory.wrote(write);
    this.#trace.wrote(write);
    if (isOperator(write.user) && !write.table.startsWith('leases')) this.#steps += 1;
    for (const rule of this.#rules) rule.wrote?.(write);
  }
}
