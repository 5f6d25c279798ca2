import { expect, it } from 'vitest';
import { ApiError, type ApiClient, type KubeObject } from './types.ts';
import { whoAmI } from './who.ts';

const answering = (answer: () => object) =>
  ({
    create: async (_type: unknown, object: KubeObject) => ({ ...object, ...answer() }),
  }) as unknown as ApiClient;

it('the API server says who asks', async () => {
  const client = answering(() => ({ status: { userInfo: { username: 'jane@example.com' } } }));
  expect(await whoAmI(client)).toBe('jane@example.com');
});

it.each([403, 404, 0])('nobody says so where it answers %d', async (code) => {
  const client = answering(() => {
    throw new ApiError(code, 'Reason', 'message');
  });
  expect(await whoAmI(client)).toBeUndefined();
});
