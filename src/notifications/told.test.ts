import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CanaryReleaseStatus, MOMENTS, type Moment, type Told } from '../api/index.ts';
import { iso } from '../core/model.ts';
import { at, going, over, stalled, subject } from './testing.ts';
import { type Audience, MOST_TOLD, bounded, nextOf, withTold } from './told.ts';

const everyone: Audience = { on: MOMENTS, updates: false, since: at(0) };

/** A target that takes what is due, as often as something is. */
class Receiver {
  told: Told[] = [];
  readonly had: string[] = [];
  readonly posts: string[] = [];
  readonly audience: Audience;

  constructor(audience: Audience) {
    this.audience = audience;
  }

  see(status: CanaryReleaseStatus, seconds: number, uid?: string): void {
    const about = subject(status, uid);
    for (let i = 0; i < 5; i++) {
      const [known] = this.told;
      const { due } = nextOf(known, about, this.audience, at(seconds));
      if (due === undefined) return;
      const { standing, how } = due;
      this.had.push(standing.key);
      if (how === 'post') this.posts.push(`${standing.attempt.id} ${standing.key}`);
      const message = this.audience.updates && how === 'post' ? { id: `m${this.posts.length}` } : undefined;
      // As a restart does.
      this.told = JSON.parse(JSON.stringify(withTold(this.told, 'team', about, standing, message))) as Told[];
    }
    throw new Error('there is no end to what is due');
  }
}

describe('what is due to a target', () => {
  it('is each moment once, whatever is seen how often', () => {
    const receiver = new Receiver(everyone);
    for (let i = 0; i < 3; i++) receiver.see(going(2, 0, 2000), 2001);
    for (let i = 0; i < 3; i++) receiver.see(going(2, 20, 2010), 2011);
    // A weight that was lost, and is observed again, is no news.
    receiver.see(going(2, 20, 2020), 2021);
    receiver.see(over(2, 'Promoted', 2090), 2091);
    receiver.see(over(2, 'Promoted', 2090), 9000);
    expect(receiver.had).toEqual(['started', 'step/20', 'promoted']);
  });

  it('is the latest state alone, where others came and went while nobody could be told', () => {
    const receiver = new Receiver(everyone);
    receiver.see(going(2, 60, 2050), 2051);
    expect(receiver.had).toEqual(['step/60']);
  });

  it('is the end of what was told of, before the beginning of what came next', () => {
    const receiver = new Receiver(everyone);
    receiver.see(going(2, 20, 2010), 2011);
    const { history = [] } = over(2, 'Superseded', 2050);
    receiver.see({ ...going(3, 0, 3000), history }, 3001);
    expect(receiver.had).toEqual(['step/20', 'replaced', 'started']);
  });

  it('is only what was asked for', () => {
    const receiver = new Receiver({ ...everyone, on: ['rolledBack'] });
    receiver.see(going(2, 0, 2000), 2001);
    receiver.see(going(2, 20, 2010), 2011);
    receiver.see(over(2, 'RolledBack', 2090), 2091);
    expect(receiver.had).toEqual(['rolledBack']);
  });

  it('is one message that follows its release, where it can be updated', () => {
    const receiver = new Receiver({ on: ['started', 'promoted'], updates: true, since: at(0) });
    receiver.see(going(2, 0, 2000), 2001);
    receiver.see(going(2, 20, 2010), 2011);
    receiver.see(going(2, 20, 2010, { conditions: [stalled('PodsNotStarting', 2012)] }), 2100);
    receiver.see(going(2, 20, 2010), 2110);
    receiver.see(over(2, 'Promoted', 2190), 2191);
    expect(receiver.had).toEqual(['started', 'step/20', 'held/PodsNotStarting', 'step/20', 'promoted']);
    expect(receiver.posts).toHaveLength(1);
  });

  it('is nothing from before the target was there', () => {
    const receiver = new Receiver({ ...everyone, since: at(2050) });
    receiver.see(going(2, 20, 2010), 2060);
    expect(receiver.had).toEqual([]);
    receiver.see(over(2, 'Promoted', 2090), 2091);
    expect(receiver.had).toEqual(['promoted']);
  });

  it('is nothing that an old cache shows of a release that is over', () => {
    const receiver = new Receiver(everyone);
    receiver.see(over(2, 'Promoted', 2090), 2091);
    receiver.see(going(2, 20, 2010), 2092);
    receiver.see(over(1, 'Promoted', 1090), 2093);
    expect(receiver.had).toEqual(['promoted']);
  });

  it('begins afresh with another object of the same name', () => {
    const receiver = new Receiver(everyone);
    receiver.see(over(7, 'Promoted', 7090), 7091);
    receiver.see(over(1, 'Initial', 8000), 8001, 'uid-2');
    expect(receiver.had).toEqual(['promoted', 'promoted']);
  });

  it('does not flood when what is wrong changes to and fro', () => {
    const receiver = new Receiver(everyone);
    for (let i = 0; i < 20; i++) {
      const reason = i % 2 === 0 ? 'TemplateNotFound' : 'HostNotFound';
      receiver.see({ observedGeneration: 4, conditions: [stalled(reason, 100)] }, 200 + i);
    }
    expect(receiver.had).toEqual(['held/TemplateNotFound', 'held/HostNotFound']);
  });
});

describe('any course of releases', () => {
  const look = fc.record({
    weight: fc.constantFrom(0, 20, 40, 60),
    what: fc.constantFrom('goes', 'pauses', 'stalls', 'fails', 'ends'),
    seen: fc.boolean(),
  });
  const lives = fc.array(fc.array(look, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 });

  /** What an operator sees of such a course: not all that happens, and every end sooner or later. */
  function play(receiver: Receiver, courses: { weight: number; what: string; seen: boolean }[][]): void {
    courses.forEach((looks, index) => {
      const number = index + 1;
      let seconds = number * 1000;
      for (const { weight, what, seen } of looks) {
        seconds += 5;
        const status = going(number, weight, seconds, moreOf(what, seconds));
        if (seen) receiver.see(status, seconds + 70);
        if (what === 'fails' || what === 'ends') break;
      }
      receiver.see(over(number, index % 2 === 0 ? 'Promoted' : 'RolledBack', seconds + 1), seconds + 80);
    });
  }

  function moreOf(what: string, seconds: number): CanaryReleaseStatus {
    if (what === 'pauses') return { paused: { by: 'step', message: 'asks', since: iso(at(seconds)) } };
    if (what === 'stalls') return { conditions: [stalled('PodsNotStarting', seconds)] };
    if (what === 'fails')
      return {
        ending: { outcome: 'RolledBack', reason: 'AnalysisFailed', message: 'bad', at: iso(at(seconds)) },
      };
    return {};
  }

  const moments = fc.subarray<Moment>([...MOMENTS], { minLength: 1 });

  it('is told without a repetition, and to its end', () => {
    fc.assert(
      fc.property(lives, moments, (courses, on) => {
        const receiver = new Receiver({ on, updates: false, since: at(0) });
        play(receiver, courses);
        expect(new Set(receiver.posts).size).toBe(receiver.posts.length);
        const ends = receiver.had.filter((key) => key === 'promoted' || key === 'rolledBack');
        const wanted = courses.map((_, index): Moment => (index % 2 === 0 ? 'promoted' : 'rolledBack'));
        expect(ends).toEqual(wanted.filter((moment) => on.includes(moment)));
      }),
    );
  });

  it('has one message a release, which ends as the release did', () => {
    fc.assert(
      fc.property(lives, (courses) => {
        const receiver = new Receiver({ on: MOMENTS, updates: true, since: at(0) });
        play(receiver, courses);
        expect(receiver.posts).toHaveLength(courses.length);
        expect(receiver.told[0]?.keys.at(-1)).toBe(courses.length % 2 === 1 ? 'promoted' : 'rolledBack');
      }),
    );
  });
});

describe('what is kept', () => {
  it('is bounded, and what is forgotten is not told again', () => {
    let told: Told[] = [];
    let since = at(0);
    const number = MOST_TOLD + 10;
    const releases = Array.from({ length: number }, (_, i) => ({
      ...subject(over(1, 'Promoted', 100 + i), `uid-${i}`),
      name: `cart-${i}`,
    }));
    for (const release of releases) {
      const { due } = nextOf(undefined, release, { ...everyone, since }, at(5000));
      ({ told, since } = bounded(withTold(told, 'team', release, due!.standing, undefined), 'team', since));
    }
    expect(told).toHaveLength(MOST_TOLD);
    const repeated = releases.filter((release) => {
      const known = told.find(({ uid }) => uid === release.uid);
      return nextOf(known, release, { ...everyone, since }, at(5000)).due !== undefined;
    });
    expect(repeated).toEqual([]);
  });
});
