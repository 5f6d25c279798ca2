import type { Case } from './case.ts';
import { configMap } from './case.ts';

/** These make the server forget its history, which the other cases would notice. */
export const expiryCases: Case[] = [
  {
    name: 'expiry: what refers to a forgotten past is told so',
    alone: true,
    async run(c) {
      const path = c.at('v1', 'configmaps');
      for (const name of ['a', 'b', 'c']) await c.quietly('POST', path, configMap(name));
      const list = await c.get(`${path}?limit=1`);
      const token = encodeURIComponent(String(list.metadata.continue));
      const version = list.metadata.resourceVersion;
      await c.quietly('PATCH', `${path}/a`, { data: { k: 'v' } }, 'application/merge-patch+json');
      await c.forget();
      await c.quietly('PATCH', `${path}/a`, { data: { k: 'w' } }, 'application/merge-patch+json');
      await c.get(`${path}?limit=1&continue=${token}`);
      const watch = await c.watch(`${path}?watch=1&resourceVersion=${version}`);
      await watch.take(2);
      await c.get(`${path}?resourceVersion=${version}&resourceVersionMatch=Exact`);
      await c.get(`${path}/a?resourceVersion=${version}`);
    },
  },
];
