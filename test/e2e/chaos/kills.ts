import { setTimeout as delay } from 'node:timers/promises';
import type { CanaryReleaseStatus } from '../../../src/api/index.ts';
import { Random } from '../../../src/sandbox/cluster/random.ts';
import { expect } from '../scenarios/context.ts';
import type { Chaos, ChaosScenario } from './chaos.ts';
import { BAD } from './endings.ts';

const LONGEST_LIFE_MS = 8000;
/** Within this time after something was written another write often follows. */
const JUST_AFTER_MS = 40;
const RELEASE_MS = 240_000;
const READY_MS = 60_000;
/** With an operator that was killed on the way back: it starts again after a second, and has to fill its caches (s). */
const MOST_SECONDS_KILLED = 10;
const SPEC = { progressDeadline: '4m' };

/** The operator dies at any moment, over and over, while good and bad versions go out. */
export const kills: ChaosScenario = {
  name: 'operator killed at random moments',
  async run(chaos) {
    const { context } = chaos;
    await chaos.healthy(SPEC);
    const killer = new Killer(chaos);
    const killing = killer.run();
    // What goes wrong there is told at the end.
    killing.catch(() => undefined);
    const count = { good: 0, bad: 0 };
    for (let number = 2; !killer.done || count.good * count.bad === 0; number++) {
      const isBad = count.good === count.bad ? chaos.random.below(2) === 1 : count.bad < count.good;
      const version = `v${number}`;
      await context.apply(context.manifest(version, isBad ? BAD : {}, SPEC));
      await ended(chaos, version, isBad);
      count[isBad ? 'bad' : 'good'] += 1;
    }
    await killing;
    if (chaos.kills > 0) {
      count.bad += 1;
      await killedAtVerdict(chaos, killer);
    }
    await context.bed.eventually('the operator is back', READY_MS, () => context.operator.isReady());
    const wasKilled = (from: number, until: number) =>
      killer.at.some((at) => at >= from - 1000 && at <= until);
    const interrupted = chaos.secondsToZero(wasKilled) ?? 0;
    chaos.counts = (from, until) => !wasKilled(from, until);
    Object.assign(chaos.notes, {
      kills: killer.at.length,
      ...count,
      secondsToZeroWhenKilledOnTheWay: interrupted,
    });
    expect(
      `weight 0 within ${MOST_SECONDS_KILLED} s of a verdict even so`,
      interrupted <= MOST_SECONDS_KILLED,
      interrupted,
    );
  },
};

/** The last kill comes when a verdict is in status, and the traffic is not yet taken away, if it is quick enough. */
async function killedAtVerdict(chaos: Chaos, killer: Killer): Promise<void> {
  const { context, course } = chaos;
  const version = 'last';
  const verdict = course.verdict();
  await context.apply(context.manifest(version, BAD, SPEC));
  await Promise.race([verdict, delay(RELEASE_MS, undefined, { ref: false })]);
  await killer.kill();
  await ended(chaos, version, true);
}

/** Waits for the release's end and checks that it is the right one, and by the right steps. */
async function ended({ context, course }: Chaos, version: string, isBad: boolean): Promise<void> {
  const isOver = ({ phase, history }: CanaryReleaseStatus) =>
    (phase === 'Healthy' || phase === 'RolledBack') && history?.[0]?.version === version;
  const { phase, history = [], rejected } = await context.until(`${version} ends`, isOver, RELEASE_MS);
  const { outcome, revision = '' } = history[0] ?? {};
  const weights = String(course.weightsOf(revision));
  if (isBad) {
    expect(`${version} is rolled back`, phase === 'RolledBack' && outcome === 'RolledBack', history[0]);
    expect(`${version} is rolled back by evidence`, rejected?.reason === 'AnalysisFailed', rejected);
    expect(`${version} never went beyond the first step`, weights === '5,0', weights);
  } else {
    expect(`${version} is promoted`, phase === 'Healthy' && outcome === 'Promoted', history[0]);
    expect(`${version} skipped and repeated no step`, weights === '5,40,60,100', weights);
  }
}

/** Kills the operator: half of the times at any moment, half of them just after something was written. */
class Killer {
  readonly at: number[] = [];
  done = false;
  readonly #chaos: Chaos;
  /** Its own, so that the moments are those of the seed, however the releases go. */
  readonly #random: Random;

  constructor(chaos: Chaos) {
    this.#chaos = chaos;
    this.#random = new Random(chaos.random.below(2 ** 31));
  }

  async run(): Promise<void> {
    try {
      while (this.at.length < this.#chaos.kills - 1) {
        await this.#moment();
        await this.kill();
      }
    } finally {
      this.done = true;
    }
  }

  async kill(): Promise<void> {
    await this.#chaos.context.operator.crash();
    this.at.push(Date.now());
  }

  async #moment(): Promise<void> {
    const random = this.#random;
    const { course } = this.#chaos;
    await delay(random.below(LONGEST_LIFE_MS));
    if (random.below(2) === 0) return;
    await Promise.race([course.change(), delay(LONGEST_LIFE_MS, undefined, { ref: false })]);
    await delay(random.below(JUST_AFTER_MS));
  }
}
