import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import type { Detail } from '../wire.ts';
import { Board } from './board.ts';
import type { Around, Surroundings } from './surroundings.ts';
import { DetailTeller, ListTeller } from './tellers.ts';
import { Listener, TestVisitor, going, release } from './testing.ts';

const SEES_ALL = 'list canaryreleases *';
/** Longer than any beat (ms). */
const A_BEAT = 16_000;

let clock: VirtualClock;
let board: Board;
let page: Listener;

beforeEach(() => {
  clock = new VirtualClock();
  board = new Board();
  page = new Listener(clock);
});

afterEach(() => {
  page.feed.stop();
});

function listTo(visitor: TestVisitor): Promise<void> {
  const teller = new ListTeller(board, visitor.enter, () => clock.now());
  board.listen((key) => {
    teller.changed(key);
    page.feed.poke();
  });
  return page.hear(teller);
}

describe('the list', () => {
  it('comes whole, the most urgent first, once all is known, and then what changes', async () => {
    board.set(release('shop/cart', { phase: 'Healthy' }));
    void listTo(new TestVisitor(SEES_ALL));
    await clock.advance(1000);
    expect(page.news()).toEqual([]);
    board.set(release('bank/till', { phase: 'RolledBack' }));
    board.complete();
    await clock.advance(1000);
    expect(page.keys()).toEqual([
      ['reset', null],
      ['releases', ['bank/till', 'shop/cart']],
      ['complete', null],
    ]);
    board.set(release('shop/cart', { phase: 'Paused' }));
    board.remove('bank/till');
    await clock.advance(200);
    expect(page.keys()).toEqual([
      ['releases', ['shop/cart']],
      ['gone', ['bank/till']],
    ]);
  });

  it('is no longer than it must be: at rest only beats, and of many changes the last', async () => {
    board.set(release('shop/cart', { phase: 'Healthy' }));
    board.complete();
    void listTo(new TestVisitor(SEES_ALL));
    await clock.advance(500);
    page.news();
    for (let turn = 0; turn < 100; turn++) board.set(release('shop/cart', { message: `turn ${turn}` }));
    await clock.advance(500);
    expect(page.news()).toMatchObject([['releases', [{ message: 'turn 99' }]]]);
    await clock.advance(4 * A_BEAT);
    expect(page.news()).toEqual([]);
    expect(page.beats).toBeGreaterThan(3);
  });

  it('waits for a page that takes nothing, and costs no memory meanwhile', async () => {
    board.set(release('shop/cart'));
    board.complete();
    void listTo(new TestVisitor(SEES_ALL));
    await clock.advance(500);
    page.news();
    page.isStuck = true;
    for (let turn = 0; turn < 50; turn++) {
      board.set(release('shop/cart', { message: `turn ${turn}` }));
      await clock.advance(500);
    }
    const whileStuck = page.news();
    page.unstick();
    await clock.advance(500);
    expect(whileStuck).toMatchObject([['releases', [{ message: 'turn 0' }]]]);
    expect(page.news()).toMatchObject([['releases', [{ message: 'turn 49' }]]]);
  });

  it('holds what the person may see, by namespace, and follows their rights', async () => {
    for (const key of ['bank/till', 'shop/cart']) board.set(release(key));
    board.complete();
    const ben = new TestVisitor('list canaryreleases shop');
    void listTo(ben);
    await clock.advance(500);
    expect(page.keys()).toContainEqual(['releases', ['shop/cart']]);
    board.set(release('bank/till', { phase: 'Paused' }));
    await clock.advance(500);
    expect(page.news()).toEqual([]);
    ben.rights.delete('list canaryreleases shop');
    ben.rights.add('list canaryreleases bank');
    await clock.advance(A_BEAT);
    expect(page.keys()).toEqual([
      ['releases', ['bank/till']],
      ['gone', ['shop/cart']],
    ]);
  });

  it('asks for rights where a namespace is new', async () => {
    board.complete();
    void listTo(new TestVisitor('list canaryreleases shop'));
    await clock.advance(500);
    page.news();
    board.set(release('shop/cart'));
    board.set(release('bank/till'));
    await clock.advance(500);
    expect(page.keys()).toEqual([['releases', ['shop/cart']]]);
  });

  it('ends, and says so, when the person is no longer let in', async () => {
    board.complete();
    const anna = new TestVisitor(SEES_ALL);
    const heard = listTo(anna);
    await clock.advance(500);
    page.news();
    anna.isLetIn = false;
    await clock.advance(A_BEAT);
    await heard;
    expect(page.news()).toEqual([['out', null]]);
    expect(page.isEnded).toBe(true);
  });

  it('tells nothing new while nobody can say what the person may see, and since when', async () => {
    board.complete();
    const anna = new TestVisitor(SEES_ALL);
    void listTo(anna);
    await clock.advance(500);
    page.news();
    anna.isAway = true;
    await clock.advance(A_BEAT);
    board.set(release('shop/cart'));
    await clock.advance(500);
    expect(page.news()).toEqual([['away', expect.any(Number)]]);
    anna.isAway = false;
    await clock.advance(A_BEAT);
    expect(page.keys()).toEqual([
      ['away', null],
      ['releases', ['shop/cart']],
    ]);
  });

  it('tells since when the cluster does not answer', async () => {
    board.complete();
    void listTo(new TestVisitor(SEES_ALL));
    await clock.advance(500);
    page.news();
    board.away(123);
    board.away(456);
    await clock.advance(500);
    board.away(undefined);
    await clock.advance(500);
    expect(page.news()).toEqual([
      ['away', 123],
      ['away', null],
    ]);
  });
});

describe('one release', () => {
  const around: Around = { pods: [], events: [] };
  let looks: number;

  beforeEach(() => {
    looks = 0;
  });

  function lookAt(key: string, visitor: TestVisitor): Promise<void> {
    const surroundings = {
      look: () => {
        looks += 1;
        return {
          around: () => around,
          end: () => {
            looks -= 1;
          },
        };
      },
    } as unknown as Surroundings;
    const poke = () => {
      page.feed.poke();
    };
    const guard = { board, enter: visitor.enter, now: () => clock.now() };
    const teller = new DetailTeller(guard, key, surroundings, poke);
    board.listen(poke);
    return page.hear(teller);
  }

  it('comes with what the person may do, and see around it', async () => {
    board.set(release('shop/cart', going(5, clock.now())));
    board.complete();
    const anna = new TestVisitor(SEES_ALL, 'create releasecommands shop', 'list pods shop');
    void lookAt('shop/cart', anna);
    await clock.advance(500);
    expect(page.news()).toMatchObject([
      ['rights', { mayCommand: true }],
      ['detail', { key: 'shop/cart', metrics: [{ name: 'errors', bad: 'failed' }] }],
      ['pods', []],
      ['events', null],
    ]);
    anna.rights.delete('create releasecommands shop');
    await clock.advance(A_BEAT);
    expect(page.news()).toEqual([['rights', { mayCommand: false }]]);
  });

  it('is no longer there when it was deleted, and nothing around it is watched then', async () => {
    board.set(release('shop/cart'));
    board.complete();
    void lookAt('shop/cart', new TestVisitor(SEES_ALL, 'list pods shop'));
    await clock.advance(500);
    expect(looks).toBe(1);
    page.news();
    board.remove('shop/cart');
    await clock.advance(500);
    expect(page.news()).toEqual([['detail', null]]);
    expect(looks).toBe(0);
  });

  it('is not there for who may not see it', async () => {
    board.set(release('shop/cart'));
    board.complete();
    void lookAt('shop/cart', new TestVisitor('create releasecommands shop', 'list pods shop'));
    await clock.advance(500);
    expect(page.news()).toEqual([
      ['rights', { mayCommand: false }],
      ['detail', null],
    ]);
    expect(looks).toBe(0);
  });

  it('has the course of its release, and the moment of the verdict', async () => {
    const began = clock.now();
    for (let second = 0; second < 5; second++)
      board.set(release('shop/cart', going(5, began + 1000 * second, 100 * second)));
    const at = new Date(began + 5000).toISOString();
    const rejected = { revision: 'new', reason: 'AnalysisFailed', message: 'bad', at };
    const { attempt } = going(5, began) as { attempt: object };
    board.set(release('shop/cart', { phase: 'RolledBack', attempt, rejected }));
    board.complete();
    void lookAt('shop/cart', new TestVisitor(SEES_ALL));
    await clock.advance(500);
    const detail = page.news().find(([event]) => event === 'detail')?.[1] as Detail;
    expect(detail.curves.metrics['errors']).toHaveLength(5);
    expect(detail.ended).toEqual({ at: began + 5000, outcome: 'RolledBack' });
  });
});

describe('the board', () => {
  it('forgets how old releases went when there are many, and never one under way', () => {
    const over = { phase: 'Healthy', attempt: { number: 1, startedAt: new Date(0).toISOString() } };
    board.set(release('shop/going', going(5, 1000)));
    for (let index = 0; index < 250; index++) {
      board.set(release(`shop/s${index}`, going(5, 1000)));
      board.set(release(`shop/s${index}`, over));
    }
    const points = (key: string) => board.detail(key)?.curves.weight.length;
    expect(points('shop/s0')).toBe(0);
    expect(points('shop/s249')).toBeGreaterThan(0);
    expect(points('shop/going')).toBeGreaterThan(0);
  });

  it('takes a release that was deleted and made again for another one', () => {
    board.set(release('shop/cart', going(5, 1000), 'first'));
    board.set(release('shop/cart', { phase: 'Healthy' }, 'second'));
    expect(board.detail('shop/cart')?.curves.weight).toEqual([]);
  });
});
