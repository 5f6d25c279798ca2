import { Invariants } from '../../decide/invariants.ts';
import type { Decision } from '../../../core/model.ts';
import type { Gathered } from '../../../controllers/canary-release/observe.ts';
import { deepEqual } from '../../../kube/json.ts';
import type { ProcessClock } from '../process-clock.ts';
import { KEY, type ReleaseObject } from '../truth.ts';
import type { Write } from '../true-cluster.ts';
import { type Invariant, INVARIANTS, type Rule, type Scene } from './rule.ts';

interface Pass {
  readonly gathered: Gathered;
  readonly decision: Decision;
  readonly now: number;
}

/**
 * The core's own invariants, by what each pass saw and decided. A pass counts once its status is written, or says nothing
 * new, or the next one goes on from it in memory: what was decided on an old version is refused, and never happens.
 */
export class PassRules implements Rule {
  readonly #scene: Scene;
  readonly #passes = new Map<string, Pass>();
  #invariants = new Invariants();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  decided(process: ProcessClock, gathered: Gathered, decision: Decision): void {
    const pass = { gathered, decision, now: process.now() };
    const last = this.#passes.get(process.identity);
    this.#passes.delete(process.identity);
    const { simulation } = this.#scene;
    if (simulation.leader?.clock !== process) return;
    if (last !== undefined && deepEqual(last.decision.status, gathered.observed.status)) this.#check(last);
    if (deepEqual(decision.status, gathered.release.status)) this.#check(pass);
    else this.#passes.set(process.identity, pass);
  }

  wrote({ table, key, user, before, after }: Write): void {
    if (table !== 'canaryreleases.songbird.dev' || key !== KEY) return;
    if (before === undefined || after === undefined) this.#invariants = new Invariants();
    const pass = this.#passes.get(user);
    const status = (after as ReleaseObject | undefined)?.status;
    if (pass === undefined || status === (before as ReleaseObject | undefined)?.status) return;
    this.#passes.delete(user);
    this.#check(pass);
  }

  #check({ gathered, decision, now }: Pass): void {
    try {
      this.#invariants.check(gathered.observed, decision, now);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const [name = '', ...rest] = error.message.split(': ');
      const known = INVARIANTS.find((invariant): invariant is Invariant => invariant === name);
      if (known === undefined) throw error;
      this.#scene.broken(known, rest.join(': '));
    }
  }
}
