import { createServer } from 'node:https';
import { describe, expect, it } from 'vitest';
import { createHttp } from '../http.ts';
import type { HttpAnswer, HttpRequest } from '../http.ts';
import { fakeHttp, withServer } from '../testing/http.ts';
import { AUTHORITY, SERVER } from '../testing/tls.ts';
import { createValueReader } from './reader.ts';
import type { WebMeasure } from './reader.ts';

const NOW = Date.UTC(2030, 0, 1);
const ADDRESS = { address: 'http://prometheus:9090' };

function reader(respond: (request: HttpRequest) => Partial<HttpAnswer> | undefined) {
  const http = fakeHttp(respond);
  return createValueReader({ prometheus: http, web: http });
}

const success = (data: unknown, more = {}) => ({
  contentType: 'application/json',
  body: JSON.stringify({ status: 'success', data, ...more }),
});
const vector = (...values: string[]) => ({
  resultType: 'vector',
  result: values.map((value, i) => ({ metric: { pod: `p${i}` }, value: [NOW / 1000, value] })),
});

describe('a query to Prometheus', () => {
  const ask = (answer: Partial<HttpAnswer> | undefined) =>
    reader(() => answer).prometheus({ kind: 'prometheus', query: 'up' }, ADDRESS, NOW);

  it('gives the one number that it has, at the time that was asked about', async () => {
    const requests: HttpRequest[] = [];
    const asking = reader((request) => {
      requests.push(request);
      return success(vector('0.25'));
    });
    const address = { ...ADDRESS, headers: { 'x-scope-orgid': 'a' }, tls: { insecure: true } };
    expect(await asking.prometheus({ kind: 'prometheus', query: 'sum(up)' }, address, NOW)).toEqual({
      outcome: 'value',
      result: 0.25,
    });
    expect(requests[0]).toMatchObject({
      url: 'http://prometheus:9090/api/v1/query',
      headers: { 'x-scope-orgid': 'a' },
      tls: { insecure: true },
    });
    expect(Object.fromEntries(new URLSearchParams(requests[0]?.body))).toMatchObject({
      query: 'sum(up)',
      time: `${NOW / 1000}.000`,
    });
  });

  it('of a scalar gives that', async () => {
    expect(await ask(success({ resultType: 'scalar', result: [NOW / 1000, '3'] }))).toEqual({
      outcome: 'value',
      result: 3,
    });
  });

  it('leaves it to the judge that NaN is no data', async () => {
    expect(await ask(success(vector('NaN')))).toEqual({ outcome: 'value', result: NaN });
  });

  it.each([
    [success(vector()), 'has no data for the query'],
    [success(vector('1', '2')), 'has 2 results, and must have one'],
    [success(vector('1'), { warnings: ['a store is away'] }), 'It warns: a store is away'],
    [success({ resultType: 'matrix', result: [] }), 'a matrix where a vector was asked for'],
    [
      { status: 400, body: '{"status":"error","error":"parse error"}' },
      'refuses the query: answers HTTP 400 (parse error)',
    ],
    [{ status: 503, body: 'overloaded' }, "can't answer now"],
    [undefined, "can't be reached"],
  ])('%# is an error with a reason', async (answer, why) => {
    expect(await ask(answer)).toEqual({ outcome: 'error', message: expect.stringContaining(why) as string });
  });

  it('needs an address', async () => {
    const found = await reader(() => undefined).prometheus(
      { kind: 'prometheus', query: 'up' },
      undefined,
      NOW,
    );
    expect(found).toMatchObject({
      outcome: 'error',
      message: expect.stringContaining('No Prometheus address') as string,
    });
  });
});

const measure = (more: Partial<WebMeasure> = {}): WebMeasure => ({
  kind: 'web',
  url: 'http://shop/health?full=1',
  method: 'GET',
  headers: {},
  body: undefined,
  jsonPath: undefined,
  timeoutMs: 1000,
  secrets: [],
  ...more,
});

describe('a web metric', () => {
  it('gives the JSON of the answer, or a part of it', async () => {
    const asking = reader(() => ({ body: '{"checks":[{"ok":true}]}' }));
    expect(await asking.web(measure())).toEqual({ outcome: 'value', result: { checks: [{ ok: true }] } });
    expect(await asking.web(measure({ jsonPath: '$.checks[0].ok' }))).toEqual({
      outcome: 'value',
      result: true,
    });
  });

  it('sends what it was told to', async () => {
    const requests: HttpRequest[] = [];
    const asking = reader((request) => {
      requests.push(request);
      return { body: '1' };
    });
    await asking.web(
      measure({ method: 'POST', headers: { authorization: 'Bearer x' }, body: '{}', timeoutMs: 3000 }),
    );
    expect(requests).toMatchObject([
      {
        method: 'POST',
        url: 'http://shop/health?full=1',
        headers: {
          accept: 'application/json',
          'content-type': 'application/json',
          authorization: 'Bearer x',
        },
        body: '{}',
        timeoutMs: 3000,
      },
    ]);
  });

  it.each([
    [{ status: 500, body: 'oh\nno' }, 'http://shop/health answers HTTP 500 (oh no)'],
    [{ status: 302, body: '' }, 'http://shop/health answers HTTP 302'],
    [{ body: '<html>' }, 'answers no JSON: <html>'],
    [{ body: '{"checks":[]}' }, 'has nothing at $.checks[0].ok'],
    [undefined, "can't be asked: connect ECONNREFUSED"],
  ])('%# is an error with a reason', async (answer, why) => {
    const found = await reader(() => answer).web(measure({ jsonPath: '$.checks[0].ok' }));
    expect(found).toEqual({ outcome: 'error', message: expect.stringContaining(why) as string });
  });

  it('never repeats a Secret that the answer repeats', async () => {
    const asking = reader(() => ({ status: 401, body: 'wrong token s3cret' }));
    expect(await asking.web(measure({ secrets: ['s3cret'] }))).toMatchObject({
      message: 'http://shop/health answers HTTP 401 (wrong token ***)',
    });
  });
});

describe('over real connections', () => {
  it('a server that says nothing is given up', async () => {
    const { http, close } = createHttp();
    await withServer(
      () => undefined,
      async (port) => {
        const asking = createValueReader({ prometheus: http, web: http });
        const found = await asking.web(measure({ url: `http://127.0.0.1:${port}/`, timeoutMs: 50 }));
        expect(found).toMatchObject({
          message: expect.stringContaining('no whole answer within 50 ms') as string,
        });
      },
    );
    await close();
  });

  it("a server's certificate is checked against the authority that was given", async () => {
    const server = createServer(SERVER, (_, response) => {
      response.setHeader('content-type', 'application/json').end(success(vector('1')).body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const { http, close } = createHttp();
    const asking = createValueReader({ prometheus: http, web: http });
    const ask = (tls?: { ca?: string; insecure?: boolean }) =>
      asking.prometheus(
        { kind: 'prometheus', query: 'up' },
        { address: `https://127.0.0.1:${port}`, tls },
        NOW,
      );
    expect(await ask()).toMatchObject({
      message: expect.stringMatching(/certificate.*caSecretRef/s) as string,
    });
    expect(await ask({ ca: AUTHORITY })).toEqual({ outcome: 'value', result: 1 });
    expect(await ask({ insecure: true })).toEqual({ outcome: 'value', result: 1 });
    await close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});
