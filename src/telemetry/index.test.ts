import { describe, expect, it } from 'vitest';
import { createSources } from './index.ts';
import type { TelemetryRequest } from './observer.ts';
import { withServer } from './testing/http.ts';
import { prometheusQuery } from './testing/prometheus.ts';

describe('createSources', () => {
  it('tells its observer of each request, with source and outcome', async () => {
    const seen: TelemetryRequest[] = [];
    const sources = createSources({ observer: { request: (event) => seen.push(event) } });
    await withServer(
      (request, response) => {
        response.statusCode = request.url === '/stats/prometheus' ? 200 : 404;
        response.end('envoy_server_live{} 1\n');
      },
      async (port) => {
        const pods = [{ name: 'a', uid: 'a', ip: '127.0.0.1', statsPort: port, ready: true }];
        const targets = [{ revision: 'r', workload: 'w', fresh: true, pods }];
        const prometheus = { address: `http://127.0.0.1:${port}` };
        expect(await sources.proxies.read(prometheusQuery(15_000, { targets }))).toMatchObject({ ok: true });
        const reading = await sources.prometheus.read(prometheusQuery(15_000, { targets, prometheus }));
        expect(reading).toMatchObject({ ok: false, code: 'TelemetryInvalid' });
      },
    );
    const gone = [{ name: 'a', uid: 'a', ip: '127.0.0.1', statsPort: 1, ready: true }];
    const targets = [{ revision: 'r', workload: 'w', fresh: true, pods: gone }];
    await sources.proxies.read(prometheusQuery(20_000, { targets }));
    await sources.close();
    expect(seen.map(({ source, outcome }) => [source, outcome])).toEqual([
      ['proxies', 'ok'],
      ['prometheus', '404'],
      ['proxies', 'unreachable'],
    ]);
    expect(seen.every(({ seconds }) => seconds >= 0)).toBe(true);
  });
});
