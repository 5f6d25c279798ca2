import type { TestCluster } from './cluster.testing.ts';

/** The verbs that change something. */
export const WRITES: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete']);

/**
 * Starts an operator that dies right after its n-th write (the write is applied, its answer never comes), and at that
 * moment another one.
 * @returns how many writes the first one made
 */
export async function operateWithCrash(world: TestCluster, crashAfter: number): Promise<() => number> {
  const user = 'first';
  let writes = 0;
  let dead = false;
  const never = new Promise<void>(() => undefined);
  world.cluster.intercept({
    before: (request) => (dead && request.user === user ? never : undefined),
    after: ({ verb, user: from }) => {
      if (from !== user || !WRITES.has(verb)) return undefined;
      writes++;
      if (writes !== crashAfter) return undefined;
      dead = true;
      void world.operate();
      return never;
    },
    event: ({ user: to }) => (dead && to === user ? 'drop' : 'deliver'),
  });
  await world.operate(world.cluster.client({ user }));
  return () => writes;
}
