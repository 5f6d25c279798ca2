import { beforeEach, describe, expect, it } from 'vitest';
import { OwnWrites } from './own-writes.ts';
import { type KubeObject, type ResourceType, keyOf } from './types.ts';
import { VirtualClock } from './virtual-clock.ts';
import { deployments, services } from './well-known.ts';

const OWNER = 'shop/cart';

let clock: VirtualClock;
let writes: OwnWrites;
let cache: Map<string, KubeObject>;

beforeEach(() => {
  clock = new VirtualClock();
  writes = new OwnWrites(clock);
  cache = new Map();
});

function object(resourceVersion: string, more: Partial<KubeObject['metadata']> = {}): KubeObject {
  const metadata = { name: 'web', namespace: 'shop', uid: 'first', resourceVersion, ...more };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata };
}

const idOf = (type: ResourceType, key: string) => `${type.plural}/${key}`;
const pending = (owner = OWNER) => writes.pending(owner, (type, key) => cache.get(idOf(type, key)));

/** What the informer shows from now on. */
function shows(type: ResourceType, shown: KubeObject | undefined): void {
  const id = idOf(type, 'shop/web');
  if (shown === undefined) cache.delete(id);
  else cache.set(id, shown);
}

describe('a write of this process', () => {
  it('is pending until the cache shows its version, or a later one', () => {
    shows(deployments, object('9'));
    expect(pending()).toBe(false);
    writes.wrote(OWNER, deployments, object('12'));
    expect(pending()).toBe(true);
    shows(deployments, object('11'));
    expect(pending()).toBe(true);
    shows(deployments, object('12'));
    expect(pending()).toBe(false);
  });

  it.each(['13', '100'])('has arrived when the cache is at version %s: versions are numbers', (version) => {
    writes.wrote(OWNER, deployments, object('12'));
    shows(deployments, object(version));
    expect(pending()).toBe(false);
  });

  it('is compared exactly where versions are beyond what a double holds', () => {
    writes.wrote(OWNER, deployments, object('9007199254740993'));
    shows(deployments, object('9007199254740992'));
    expect(pending()).toBe(true);
  });

  it('that made an object is pending until the cache has it', () => {
    writes.wrote(OWNER, deployments, object('12'));
    expect(pending()).toBe(true);
    shows(deployments, object('12'));
    expect(pending()).toBe(false);
  });

  it('has arrived where another object has the name by now', () => {
    writes.wrote(OWNER, deployments, object('12'));
    shows(deployments, object('3', { uid: 'second' }));
    expect(pending()).toBe(false);
  });

  it('is forgotten once it has arrived: a cache that goes back later makes nobody wait', () => {
    writes.wrote(OWNER, deployments, object('12'));
    shows(deployments, object('12'));
    expect(pending()).toBe(false);
    shows(deployments, object('9'));
    expect(pending()).toBe(false);
  });

  it('of an answer without uid or version makes nobody wait', () => {
    const { uid, ...anonymous } = object('12').metadata;
    writes.wrote(OWNER, deployments, { ...object('12'), metadata: anonymous });
    const { resourceVersion, ...unversioned } = object('12').metadata;
    writes.wrote(OWNER, deployments, { ...object('12'), metadata: unversioned });
    expect([uid, resourceVersion, pending()]).toEqual(['first', '12', false]);
  });

  it('makes nobody wait for longer than 30 s: its event may have been lost', async () => {
    writes.wrote(OWNER, deployments, object('12'));
    await clock.advance(30_000);
    expect(pending()).toBe(true);
    await clock.advance(1);
    expect(pending()).toBe(false);
  });
});

describe('a deletion', () => {
  it.each([
    ['the object is gone', undefined],
    ['the object is marked', object('13', { deletionTimestamp: '2030-01-01T00:00:00Z' })],
    ['another object has its name', object('14', { uid: 'second' })],
  ])('has arrived when %s', (_what, shown) => {
    shows(deployments, object('12'));
    writes.deleted(OWNER, deployments, object('12'));
    expect(pending()).toBe(true);
    shows(deployments, shown);
    expect(pending()).toBe(false);
  });

  it('of a thing without uid makes nobody wait', () => {
    const { uid, ...metadata } = object('12').metadata;
    writes.deleted(OWNER, deployments, { ...object('12'), metadata });
    shows(deployments, object('12'));
    expect([uid, pending()]).toEqual(['first', false]);
  });
});

describe('several writes', () => {
  it('of one object: the last counts, a deletion after a write too', () => {
    writes.wrote(OWNER, deployments, object('12'));
    writes.wrote(OWNER, deployments, object('15'));
    shows(deployments, object('12'));
    expect(pending()).toBe(true);
    writes.deleted(OWNER, deployments, object('15'));
    shows(deployments, object('15'));
    expect(pending()).toBe(true);
    shows(deployments, undefined);
    expect(pending()).toBe(false);
  });

  it('of objects of one name and two kinds are two', () => {
    writes.wrote(OWNER, deployments, object('12'));
    writes.wrote(OWNER, services, object('13'));
    shows(services, object('13'));
    expect(pending()).toBe(true);
    shows(deployments, object('12'));
    expect(pending()).toBe(false);
  });

  it('hold up only the key for which they were made, until it is forgotten', () => {
    writes.wrote(OWNER, deployments, object('12'));
    expect(keyOf(object('12').metadata)).not.toBe(OWNER);
    expect([pending('shop/other'), pending()]).toEqual([false, true]);
    writes.forget(OWNER);
    expect(pending()).toBe(false);
  });
});
