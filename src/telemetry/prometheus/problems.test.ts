import { describe, expect, it, vi } from 'vitest';
import { createHttp } from '../http.ts';
import type { Http, HttpAnswer } from '../http.ts';
import { withServer } from '../testing/http.ts';
import { FakePrometheus, prometheusQuery as query, requests, patientSource } from '../testing/prometheus.ts';
import { warningOf } from '../testing/readings.ts';

describe('what PrometheusSource says of answers that it can not use', () => {
  const json = (value: unknown): Partial<HttpAnswer> => ({
    contentType: 'application/json',
    body: JSON.stringify(value),
  });
  const cases: [string, Partial<HttpAnswer> | undefined, string, RegExp][] = [
    [
      'no connection',
      undefined,
      'TelemetryUnreachable',
      /can't be reached: connect ECONNREFUSED.*address.*NetworkPolicy/,
    ],
    [
      'a login page',
      { contentType: 'text/html', body: '<html>Log in</html>' },
      'TelemetryInvalid',
      /text\/html.*Log in.*login/,
    ],
    [
      'a redirect',
      { status: 302, location: '/login?back=1' },
      'TelemetryInvalid',
      /redirects to http:\/\/p:9090\/login .*302/,
    ],
    [
      '401',
      { status: 401, body: 'who are you' },
      'TelemetryInvalid',
      /refuses access.*401 \(who are you\).*headers/,
    ],
    [
      '404',
      { status: 404, body: '404 page not found' },
      'TelemetryInvalid',
      /no query API.*404.*path prefix/,
    ],
    [
      'a query error',
      { status: 400, ...json({ status: 'error', errorType: 'bad_data', error: 'parse error' }) },
      'TelemetryInvalid',
      /400 \(parse error\)/,
    ],
    ['an error with status 200', json({ status: 'error', error: 'boom' }), 'TelemetryInvalid', /boom/],
    [
      'overload',
      { status: 503, ...json({ status: 'error', error: 'query timed out' }) },
      'TelemetryUnreachable',
      /503 \(query timed out\)/,
    ],
    ['a bad gateway', { status: 502, body: '<html>Bad Gateway</html>' }, 'TelemetryUnreachable', /502/],
    [
      'a scalar',
      json({ status: 'success', data: { resultType: 'scalar', result: [] } }),
      'TelemetryInvalid',
      /scalar/,
    ],
    ['other JSON', json({ hello: 'world' }), 'TelemetryInvalid', /not its query API's/],
    ['a JSON list', json([1, 2]), 'TelemetryInvalid', /not with the JSON/],
    [
      'no samples',
      json({ status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value: 3 }] } }),
      'TelemetryInvalid',
      /no samples/,
    ],
    ['an empty body', {}, 'TelemetryInvalid', /text\/plain/],
  ];
  it.each(cases)('%s', async (_, answer, code, sentence) => {
    const prometheus = new FakePrometheus();
    prometheus.respond = () => answer;
    const source = patientSource(prometheus.http);
    const reading = await source.read(query(15_000, { prometheus: { address: 'http://p:9090/' } }));
    expect(reading).toMatchObject({ ok: false, code });
    expect(warningOf(reading)).toMatch(sentence);
    expect(warningOf(reading)).toContain('http://p:9090');
  });

  it.each([
    [undefined, /No Prometheus address/],
    [{ address: ' ' }, /No Prometheus address/],
    [{ address: 'prometheus:9090' }, /no http:\/\/ or https:\/\/ URL/],
    [{ address: 'http://' }, /no http:\/\/ or https:\/\/ URL/],
  ])('the address %j', async (prometheus, sentence) => {
    const reading = await patientSource(new FakePrometheus().http).read(query(15_000, { prometheus }));
    expect(reading).toMatchObject({ ok: false, code: 'TelemetryInvalid' });
    expect(warningOf(reading)).toMatch(sentence);
  });
});

describe('PrometheusSource over real HTTP', () => {
  const { http } = createHttp();

  it('sends the headers and keeps the path prefix, and never shows a credential', async () => {
    const seen: (string | undefined)[] = [];
    await withServer(
      (request, response) => {
        seen.push(
          request.method,
          request.url,
          request.headers.authorization,
          String(request.headers['x-scope-orgid']),
        );
        response.statusCode = 403;
        response.end(`no access for ${request.headers.authorization ?? 'nobody'} hunter22 in bookinfo`);
      },
      async (port) => {
        const address = `http://bird:hunter22@127.0.0.1:${port}/prom/`;
        const reading = await patientSource(http).read(
          query(15_000, { prometheus: { address, headers: { 'X-Scope-OrgID': 'tenant-7' } } }),
        );
        const basic = `Basic ${Buffer.from('bird:hunter22').toString('base64')}`;
        expect(seen).toEqual(['POST', '/prom/api/v1/query', basic, 'tenant-7']);
        expect(warningOf(reading)).toContain(`http://127.0.0.1:${port}/prom`);
        expect(warningOf(reading)).not.toMatch(/hunter22|YmlyZDp/);
      },
    );
  });

  it('does not keep the operator waiting for a slow server, and has its answer for the next read', async () => {
    const prometheus = new FakePrometheus();
    prometheus.scrape(14_000, { instance: '10.0.0.1:15020' }, new Map([[requests('reviews-old', 200), 3]]));
    const waiting: (() => void)[] = [];
    let patient = false;
    const slow: Http = async (request) => {
      if (!patient) await new Promise<void>((resolve) => waiting.push(resolve));
      return prometheus.http(request);
    };
    const source = patientSource(slow, { patienceMs: 10 });
    const early = await source.read(query(15_000));
    expect(early).toMatchObject({ ok: true, intervals: [], completeThrough: {} });
    expect(warningOf(early)).toMatch(/has not answered yet/);
    patient = true;
    for (const answer of waiting) answer();
    await vi.waitFor(async () => {
      expect(await source.read(query(15_000))).toMatchObject({ ok: true, completeThrough: { old: 14_000 } });
    });
  });

  it('gives up on a server that hangs, and on one that never ends', async () => {
    await withServer(
      () => undefined,
      async (port) => {
        const source = patientSource(http, { timeoutMs: 100 });
        const reading = await source.read(
          query(15_000, { prometheus: { address: `http://127.0.0.1:${port}` } }),
        );
        expect(reading).toMatchObject({ ok: false, code: 'TelemetryUnreachable' });
        expect(warningOf(reading)).toMatch(/within \d+ ms/);
      },
    );
    await withServer(
      (_, response) => {
        response.end('{"status":"success",' + ' '.repeat(10_000));
      },
      async (port) => {
        const source = patientSource(http, { maxBytes: 1000 });
        const reading = await source.read(
          query(15_000, { prometheus: { address: `http://127.0.0.1:${port}` } }),
        );
        expect(warningOf(reading)).toMatch(/longer than 1000 bytes/);
      },
    );
  });

  it('says what is wrong with a header that cannot be sent', async () => {
    const prometheus = { address: 'http://127.0.0.1:1', headers: { Authorization: 'Bearer secret-token\n' } };
    const reading = await patientSource(http).read(query(15_000, { prometheus }));
    expect(reading).toMatchObject({ ok: false, code: 'TelemetryInvalid' });
    expect(warningOf(reading)).toMatch(/headers/);
    expect(warningOf(reading)).not.toContain('secret-token');
  });
});
