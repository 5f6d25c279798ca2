import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { ApiError, type ApiClient, type KubeObject } from '../../kube/types.ts';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import { Access } from './access.ts';
import { COOKIE, ClusterGate, OwnGate } from './gate.ts';

const HOUR_MS = 3_600_000;
const ATTRIBUTES = { verb: 'list', group: '', resource: 'pods', namespace: 'shop' };

let clock: VirtualClock;
let valid: Set<string>;
let asked: string[];
let failure: ApiError | undefined;
/** Questions that wait for their answer, and the most that ever waited. */
let waiting: number;
let most: number;

const client = {
  create: async (_type: unknown, object: KubeObject & { spec: { token?: string } }) => {
    asked.push(object.kind);
    waiting += 1;
    most = Math.max(most, waiting);
    await Promise.resolve();
    waiting -= 1;
    if (failure !== undefined) throw failure;
    const { token = '' } = object.spec;
    const status =
      object.kind === 'TokenReview'
        ? { authenticated: valid.has(token), user: { username: token } }
        : { allowed: true };
    return { ...object, status };
  },
} as unknown as ApiClient;

beforeEach(() => {
  clock = new VirtualClock();
  valid = new Set(['anna']);
  asked = [];
  failure = undefined;
  waiting = most = 0;
});

const gate = () =>
  new ClusterGate(new Access(client, clock), clock, () => {
    throw new Error('nobody orders anything');
  });
function withCookie(id: string | undefined): IncomingMessage {
  const request = new IncomingMessage(new Socket());
  request.headers.cookie = `theme=dark; ${COOKIE}=${id ?? ''}`;
  return request;
}

describe('a session', () => {
  it('shows its token again, and ends when nobody knows it any more', async () => {
    const door = gate();
    const request = withCookie(await door.open('anna'));
    await door.visitor(request);
    expect(asked).toEqual(['TokenReview']);
    await clock.advance(40_000);
    expect(await door.visitor(request)).toMatchObject({ name: 'anna', hasSession: true });
    valid.clear();
    expect(await door.visitor(request)).toBeDefined();
    await clock.advance(40_000);
    expect(await door.visitor(request)).toBeUndefined();
    valid.add('anna');
    expect(await door.visitor(request)).toBeUndefined();
  });

  it('ends after eight hours, however much it is used', async () => {
    const door = gate();
    const request = withCookie(await door.open('anna'));
    await clock.advance(8 * HOUR_MS - 1000);
    expect(await door.visitor(request)).toBeDefined();
    await clock.advance(2000);
    expect(await door.visitor(request)).toBeUndefined();
  });

  it('is not ended by an API server that does not answer', async () => {
    const door = gate();
    const request = withCookie(await door.open('anna'));
    await clock.advance(40_000);
    failure = new ApiError(0, 'ConnectionFailed', 'no answer');
    await expect(door.visitor(request)).rejects.toThrow('no answer');
    failure = undefined;
    expect(await door.visitor(request)).toBeDefined();
  });

  it('is nobody’s without its cookie, and the oldest goes when there are too many', async () => {
    const door = gate();
    expect(await door.visitor(withCookie('made-up'))).toBeUndefined();
    const first = withCookie(await door.open('anna'));
    for (let count = 0; count < 5000; count++) await door.open('anna');
    expect(await door.visitor(first)).toBeUndefined();
  });
});

describe('rights', () => {
  it('are asked for once in a while, and a few at a time', async () => {
    const access = new Access(client, clock);
    const anna = { name: 'anna', uid: undefined, groups: [], extra: undefined };
    const namespaces = Array.from({ length: 100 }, (_, index) => `team-${index}`);
    const ask = () =>
      Promise.all(namespaces.map((namespace) => access.may(anna, { ...ATTRIBUTES, namespace })));
    await ask();
    await ask();
    expect(asked).toHaveLength(100);
    expect(most).toBeLessThanOrEqual(16);
    await clock.advance(20_000);
    await ask();
    expect(asked).toHaveLength(200);
  });

  it('of people of one name and other groups are others', async () => {
    const access = new Access(client, clock);
    for (const groups of [['a'], ['b']])
      await access.may({ name: 'anna', uid: undefined, groups, extra: undefined }, ATTRIBUTES);
    expect(asked).toHaveLength(2);
  });

  it('that the operator may not ask for are mended by config/dashboard, and it says so', async () => {
    failure = new ApiError(403, 'Forbidden', 'tokenreviews is forbidden');
    await expect(gate().open('anna')).rejects.toThrow(/system:auth-delegator.*config\/dashboard/);
  });
});

describe('a dashboard of one’s own', () => {
  it('asks for its own rights, and tries where nobody can say', async () => {
    const own = await new OwnGate(client, new Access(client, clock)).visitor();
    expect(await own.may(ATTRIBUTES)).toBe(true);
    expect(asked).toEqual(['SelfSubjectAccessReview']);
    failure = new ApiError(404, 'NotFound', 'no such resource');
    expect(await own.may({ ...ATTRIBUTES, namespace: 'bank' })).toBe(true);
  });
});
