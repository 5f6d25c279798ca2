import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RequestInfo } from './client.ts';
import { HttpFixture, answer, failureOf, failureStatus, until } from './http-fixture.ts';
import type { Handler } from './http-fixture.ts';
import { VirtualClock } from './virtual-clock.ts';
import { deployments, leases, namespaces, pods } from './well-known.ts';

let http: HttpFixture;
beforeEach(async () => {
  http = new HttpFixture();
  await http.start();
});
afterEach(async () => {
  await http.stop();
});

const web = { namespace: 'shop', name: 'web' };
describe('requests', () => {
  it('go to the right address with the right method, query and content type', async () => {
    const client = http.client({}, http.config({}, '/k8s/clusters/c-1/'));
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'shop', name: 'web', resourceVersion: '7' },
    };
    await client.get(deployments, web);
    await client.get(namespaces, { name: 'shop' });
    await client.create(leases, lease, { fieldManager: 'songbird', dryRun: true });
    await client.update(leases, lease);
    await client.patch(deployments, web, 'json', [{ op: 'test', path: '/a', value: 1 }]);
    await client.patch(deployments, web, 'merge', { spec: null }, { subresource: 'status' });
    await client.patch(deployments, web, 'apply', lease, { fieldManager: 'songbird', force: true });
    await client.patch(deployments, web, 'merge', {}, { force: true, urgent: true });
    await client.delete(pods, web, { propagationPolicy: 'Foreground', preconditions: { uid: 'u' } });

    const prefix = '/k8s/clusters/c-1';
    const deployment = `${prefix}/apis/apps/v1/namespaces/shop/deployments/web`;
    const lists = `${prefix}/apis/coordination.k8s.io/v1/namespaces/shop/leases`;
    expect(http.received.map(({ method, url, headers }) => [method, url, headers['content-type']])).toEqual([
      ['GET', deployment, undefined],
      ['GET', `${prefix}/api/v1/namespaces/shop`, undefined],
      ['POST', `${lists}?fieldManager=songbird&dryRun=All`, 'application/json'],
      ['PUT', `${lists}/web`, 'application/json'],
      ['PATCH', deployment, 'application/json-patch+json'],
      ['PATCH', `${deployment}/status`, 'application/merge-patch+json'],
      ['PATCH', `${deployment}?fieldManager=songbird&force=true`, 'application/apply-patch+yaml'],
      ['PATCH', deployment, 'application/merge-patch+json'],
      ['DELETE', `${prefix}/api/v1/namespaces/shop/pods/web`, 'application/json'],
    ]);
    expect(JSON.parse(http.received[3]!.body)).toEqual(lease);
    expect(JSON.parse(http.received[8]!.body)).toEqual({
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      propagationPolicy: 'Foreground',
      preconditions: { uid: 'u' },
    });
  });

  it.each([
    ['an empty name', { namespace: 'shop', name: '' }],
    ['a name that climbs', { namespace: 'shop', name: '..' }],
    ['a name with a slash', { namespace: 'shop', name: 'a/b' }],
    ['a missing namespace', { name: 'web' }],
    ['an empty namespace', { namespace: '', name: 'web' }],
  ])('with %s never leave the house', async (_name, ref) => {
    await expect(http.client().delete(pods, ref)).rejects.toThrow(/Pod/);
    expect(http.received).toEqual([]);
  });

  it('list pages and give items the kind that the server left out', async () => {
    http.handle = (request, response) => {
      const first = !request.url.includes('continue=');
      answer(response, 200, {
        kind: 'PodList',
        metadata: { resourceVersion: '9', continue: first ? 'more' : '' },
        items: [{ metadata: { name: first ? 'a' : 'b' } }],
      });
    };
    const client = http.client();
    const first = await client.list(pods, { namespace: 'shop', limit: 1, labelSelector: 'a in (b,c)' });
    const second = await client.list(pods, { limit: 1, continue: first.continue });
    expect(http.received.map((one) => one.url)).toEqual([
      '/api/v1/namespaces/shop/pods?limit=1&labelSelector=a+in+%28b%2Cc%29',
      '/api/v1/pods?limit=1&continue=more',
    ]);
    expect(first).toEqual({
      items: [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } }],
      resourceVersion: '9',
      continue: 'more',
    });
    expect(second.continue).toBeUndefined();
  });

  it('tell an observer what was asked, and how it went', async () => {
    const seen: RequestInfo[] = [];
    const client = http.client({ onRequest: (info) => seen.push(info) });
    await client.patch(deployments, web, 'apply', {}, { subresource: 'status', dryRun: true });
    http.handle = (_request, response) => {
      answer(response, 409, failureStatus(409, 'Conflict', 'stale'));
    };
    await failureOf(client.patch(pods, web, 'json', []));
    http.handle = (_request, response) => response.destroy();
    await failureOf(client.get(pods, web));
    expect(seen.map(({ verb, resource, code, dryRun }) => [verb, resource, code, dryRun])).toEqual([
      ['apply', 'deployments.apps/status', 200, true],
      ['patch', 'pods', 409, false],
      ['get', 'pods', 0, false],
    ]);
    expect(seen.every((info) => info.ms >= 0)).toBe(true);
  });
});

describe('failures', () => {
  it("carry the server's sentence, code, reason and causes", async () => {
    const causes = [{ field: 'spec.replicas', message: 'must be positive' }];
    const details = { name: 'web', group: 'apps', kind: 'Deployment', causes };
    http.handle = (_request, response) => {
      answer(response, 422, failureStatus(422, 'Invalid', 'Deployment "web" is invalid', details));
    };
    const error = await failureOf(http.client().patch(deployments, web, 'merge', {}));
    expect(error).toMatchObject({ code: 422, reason: 'Invalid', message: 'Deployment "web" is invalid' });
    expect(error.body?.details?.causes?.[0]?.field).toBe('spec.replicas');
  });

  it('name the request where the server does not say what it is about', async () => {
    http.handle = (_request, response) => {
      answer(
        response,
        404,
        failureStatus(404, 'NotFound', 'the server could not find the requested resource', {}),
      );
    };
    const error = await failureOf(http.client().list(deployments, { namespace: 'shop' }));
    expect(error.message).toBe(
      'list deployments.apps in shop: the server could not find the requested resource',
    );
    expect(error.body?.message).toBe('the server could not find the requested resource');
  });

  it.each([
    ['a header in seconds', { 'retry-after': '7' }, {}, 7],
    ['a header with a date', { 'retry-after': new Date(Date.UTC(2030, 0, 1, 0, 1)).toUTCString() }, {}, 60],
    ['the Status', {}, { retryAfterSeconds: 3 }, 3],
    ['nothing', {}, {}, undefined],
  ])('say after how long to try again, by %s', async (_name, headers, details, seconds) => {
    http.handle = (_request, response) => {
      answer(response, 429, failureStatus(429, 'TooManyRequests', 'later', details), headers);
    };
    const client = http.client({ clock: new VirtualClock(Date.UTC(2030, 0, 1)) });
    expect((await failureOf(client.get(pods, web))).retryAfterSeconds).toBe(seconds);
  });

  it('of something between us and the server name the request and quote the answer', async () => {
    http.handle = (_request, response) => {
      answer(response, 502, '<h1>Bad\n gateway</h1>');
    };
    expect(await failureOf(http.client().get(deployments, web))).toMatchObject({
      code: 502,
      message: 'get deployments.apps shop/web: the API server answered HTTP 502 with: <h1>Bad gateway</h1>',
    });
  });

  it('are of code 0 where there is no server, and name its address', async () => {
    const { address } = http;
    const config = http.config();
    await http.stop();
    const error = await failureOf(http.client({}, config).get(pods, web));
    expect(error).toMatchObject({ code: 0, reason: 'ConnectionFailed' });
    expect(error.message).toContain(`get pods shop/web: no answer from ${address}: connect ECONNREFUSED`);
  });

  it('are of code 0 where an answer is no Kubernetes object', async () => {
    for (const body of ['<html>', '[]', '"text"', '{}']) {
      http.handle = (_request, response) => {
        answer(response, 200, body);
      };
      expect(await failureOf(http.client().get(pods, web))).toMatchObject({
        code: 0,
        reason: 'ConnectionFailed',
      });
      expect(await failureOf(http.client().list(pods))).toMatchObject({ code: 0 });
    }
  });

  it.each([
    ['before the headers', () => undefined],
    ['in the middle of the body', (response: ServerResponse) => response.write('{"meta')],
  ])('come when a server falls silent %s', async (_name, begin) => {
    const clock = new VirtualClock();
    http.handle = (_request, response) => {
      begin(response);
    };
    const error = failureOf(http.client({ clock, timeoutMs: 4000 }).get(pods, web));
    await until(() => http.received.length > 0);
    await clock.advance(3999);
    await clock.advance(1);
    expect(await error).toMatchObject({
      code: 0,
      reason: 'Timeout',
      message: 'get pods shop/web: no answer within 4 s',
    });
  });

  it('come at once when a list is given up', async () => {
    http.handle = () => undefined;
    const stop = new AbortController();
    const error = failureOf(http.client().list(pods, { signal: stop.signal }));
    await until(() => http.received.length > 0);
    stop.abort();
    expect(await error).toMatchObject({ code: 0, reason: 'ConnectionFailed' });
  });
});

describe('credentials', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'songbird-client-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  const onlyWith =
    (token: string): Handler =>
    (request, response) => {
      if (request.headers.authorization === token) answer(response, 200, { metadata: {} });
      else answer(response, 401, failureStatus(401, 'Unauthorized', 'Unauthorized'));
    };

  it('are tokens, or user and password', async () => {
    await http.client({}, http.config({ token: 'secret' })).get(pods, web);
    await http.client({}, http.config({ username: 'me', password: 'pass' })).get(pods, web);
    expect(http.received.map((one) => one.headers.authorization)).toEqual([
      'Bearer secret',
      `Basic ${Buffer.from('me:pass').toString('base64')}`,
    ]);
  });

  it('of a projected token are read again when the server refuses the old one', async () => {
    // Given a token file as the kubelet mounts it, with the newline that some tools leave
    const tokenFile = join(directory, 'token');
    await writeFile(tokenFile, 'first\n');
    const authProvider = { name: 'tokenFile', config: { tokenFile } };
    const client = http.client({}, http.config({ authProvider }));
    http.handle = onlyWith('Bearer first');
    await client.get(pods, web);
    // When the kubelet rotates it
    await writeFile(tokenFile, 'second\n');
    http.handle = onlyWith('Bearer second');
    // Then the caller does not notice
    await client.get(pods, web);
    expect(http.received.map((one) => one.headers.authorization)).toEqual([
      'Bearer first',
      'Bearer first',
      'Bearer second',
    ]);
  });

  it('of an exec plugin are asked for again when refused, and not at every request', async () => {
    const plugin = join(directory, 'plugin.mjs');
    const count = join(directory, 'count');
    await writeFile(count, '');
    await writeFile(
      plugin,
      `import {appendFileSync, readFileSync} from 'node:fs';
       appendFileSync(${JSON.stringify(count)}, 'x');
       const token = 'token-' + readFileSync(${JSON.stringify(count)}).length;
       console.log(JSON.stringify({kind: 'ExecCredential', status: {token}}));`,
    );
    const exec = { command: process.execPath, args: [plugin] };
    const client = http.client({}, http.config({ exec }));
    http.handle = onlyWith('Bearer token-1');
    await client.get(pods, web);
    await client.get(pods, web);
    http.handle = onlyWith('Bearer token-2');
    await client.get(pods, web);
    expect(http.received.map((one) => one.headers.authorization)).toEqual([
      'Bearer token-1',
      'Bearer token-1',
      'Bearer token-1',
      'Bearer token-2',
    ]);
  });

  it('that stay refused are asked for once in a while only', async () => {
    http.handle = onlyWith('nothing');
    const clock = new VirtualClock();
    const client = http.client({ clock }, http.config({ token: 'wrong' }));
    for (let i = 0; i < 3; i++) expect((await failureOf(client.get(pods, web))).code).toBe(401);
    expect(http.received).toHaveLength(4);
    await clock.advance(5000);
    await failureOf(client.get(pods, web));
    expect(http.received).toHaveLength(6);
  });

  it('that cannot be had fail the call with what the plugin said', async () => {
    const exec = {
      command: process.execPath,
      args: ['-e', 'console.error("log in first"); process.exit(1)'],
    };
    const error = await failureOf(http.client({}, http.config({ exec })).get(pods, web));
    expect(error).toMatchObject({ code: 0, reason: 'ConnectionFailed' });
    expect(error.message).toContain('log in first');
  });

  it('are never sent in the clear to another machine', () => {
    const config = http.config({ token: 'secret' });
    config.clusters = [{ name: 'test', server: 'http://api.example.com', skipTLSVerify: false }];
    expect(() => http.client({}, config)).toThrow(/use https/);
    config.clusters = [{ name: 'test', server: 'api.example.com:6443', skipTLSVerify: false }];
    expect(() => http.client({}, config)).toThrow(/is no http or https address/);
    config.setCurrentContext('nowhere');
    expect(() => http.client({}, config)).toThrow(/"nowhere" names no cluster/);
  });
});
