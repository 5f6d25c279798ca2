import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { canaryReleases } from '../../api/resources.ts';
import type { KubeObject } from '../../kube/types.ts';
import { customResourceDefinitions, namespaces } from '../../kube/well-known.ts';
import { readCrds } from '../../sandbox/demo/manifests.ts';
import { Cluster, startHttp, writeKubeconfig } from '../../sandbox/index.ts';
import { manifest } from '../cluster.testing.ts';
import { exportSpans } from './export.ts';
import { type SpanRecord, releaseIds } from './passes.ts';

interface Value {
  readonly stringValue?: string;
  readonly intValue?: number;
}
interface Sent {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { key: string; value: Value }[];
  readonly events: readonly { name: string }[];
  readonly status: { code?: number; message?: string };
}
interface Body {
  readonly resourceSpans: readonly {
    resource: { attributes: readonly { key: string; value: Value }[] };
    scopeSpans: readonly { spans: readonly Sent[] }[];
  }[];
}

/** A collector on this machine: what it got, by OTLP over HTTP as JSON. */
class Collector {
  readonly bodies: Body[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (request.url === '/v1/traces') {
          this.bodies.push(JSON.parse(Buffer.concat(chunks).toString()) as Body);
        }
        response.setHeader('content-type', 'application/json');
        response.end('{}');
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get spans(): Sent[] {
    return this.bodies
      .flatMap(({ resourceSpans }) => resourceSpans)
      .flatMap(({ scopeSpans }) => scopeSpans)
      .flatMap(({ spans }) => spans);
  }

  get resource(): Record<string, string | undefined> {
    const [first] = this.bodies.flatMap(({ resourceSpans }) => resourceSpans);
    return Object.fromEntries(
      first?.resource.attributes.map(({ key, value }) => [key, value.stringValue]) ?? [],
    );
  }
}

let collector: Collector;

beforeEach(async () => {
  collector = new Collector();
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', await collector.listen());
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await collector.close();
});

const RELEASE = releaseIds('uid', 'new', 2);
const PASS: SpanRecord = {
  name: 'pass',
  parent: RELEASE,
  start: 1_000_000,
  end: 1_000_050,
  attributes: { 'songbird.phase': 'Progressing', 'songbird.weight': 20, 'songbird.effect': undefined },
  events: [{ name: 'Progressing', at: 1_000_020, attributes: {} }],
  calls: [{ name: 'update status', start: 1_000_010, end: 1_000_020, attributes: {}, error: 'answered 409' }],
};

describe('exported spans', () => {
  it('are those of the release, under its ids, with passes and calls below', async () => {
    const { emit, close } = exportSpans('1.2.3', fail);
    emit(PASS);
    emit({ ...PASS, parent: undefined, calls: [] });
    const attributes = { 'songbird.outcome': 'RolledBack' };
    emit({ name: 'release', ids: RELEASE, start: 900_000, end: 1_000_050, attributes, error: 'too bad' });
    await close();

    const [call, pass, alone, release] = collector.spans;
    expect(release).toMatchObject({ ...RELEASE, name: 'release', status: { code: 2, message: 'too bad' } });
    expect(release?.parentSpanId ?? '').toBe('');
    expect(pass).toMatchObject({ traceId: RELEASE.traceId, parentSpanId: RELEASE.spanId });
    expect(call).toMatchObject({ traceId: RELEASE.traceId, parentSpanId: pass?.spanId, kind: 3 });
    expect(call?.status).toEqual({ code: 2, message: 'answered 409' });
    expect(alone?.traceId).not.toBe(RELEASE.traceId);
    expect([pass?.startTimeUnixNano, pass?.endTimeUnixNano]).toEqual(['1000000000000', '1000050000000']);
    expect(pass?.events.map(({ name }) => name)).toEqual(['Progressing']);
    expect(pass?.attributes.map(({ key }) => key)).toEqual(['songbird.phase', 'songbird.weight']);
    expect(collector.resource).toMatchObject({ 'service.name': 'songbird', 'service.version': '1.2.3' });
  });

  it('carry the names that the environment gives', async () => {
    vi.stubEnv('OTEL_SERVICE_NAME', 'releases');
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'k8s.cluster.name=eu');
    const { emit, close } = exportSpans('1.2.3', fail);
    emit(PASS);
    await close();
    expect(collector.resource).toMatchObject({ 'service.name': 'releases', 'k8s.cluster.name': 'eu' });
  });

  it('that nobody takes are told of, and keep nobody', async () => {
    await collector.close();
    const told: string[] = [];
    const { emit, close } = exportSpans('1.2.3', (sentence) => told.push(sentence));
    emit(PASS);
    await close();
    expect(told).toEqual([expect.stringMatching(/^traces cannot be sent: /)]);
    collector = new Collector();
    await collector.listen();
  });
});

function fail(sentence: string): never {
  throw new Error(sentence);
}

describe('the operator with --tracing', () => {
  it('sends the trace of a first release to the collector, as a process of its own', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'songbird-tracing-'));
    const cluster = new Cluster({ seed: 1 });
    const face = await startHttp(cluster);
    const kubeconfig = join(folder, 'kubeconfig');
    await writeKubeconfig(kubeconfig, face.url);
    const admin = cluster.client({ user: 'admin' });
    for (const crd of await readCrds()) await admin.create(customResourceDefinitions, crd);
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
    await admin.create<KubeObject>(namespaces, namespace);
    const main = join(import.meta.dirname, '../../main.ts');
    const flags = ['--metrics-address=127.0.0.1:0', '--health-address=127.0.0.1:0', '--tracing'];
    const operator = spawn(process.execPath, [main, ...flags], {
      env: { ...process.env, KUBECONFIG: kubeconfig },
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => operator.once('exit', resolve));
    try {
      await admin.create<KubeObject>(canaryReleases, manifest('cart:1'));
      await vi.waitFor(
        () => {
          expect(collector.spans.map(({ name }) => name)).toContain('release');
        },
        { timeout: 25_000, interval: 100 },
      );
    } finally {
      operator.kill('SIGTERM');
      await ended;
      await face.close();
      await rm(folder, { recursive: true });
    }
    const release = collector.spans.find(({ name }) => name === 'release')!;
    const passes = collector.spans.filter(({ parentSpanId }) => parentSpanId === release.spanId);
    expect(passes.length).toBeGreaterThan(3);
    const calls = collector.spans.filter(({ parentSpanId }) =>
      passes.some(({ spanId }) => spanId === parentSpanId),
    );
    expect(calls.map(({ name }) => name)).toContain('apply deployments.apps');
  });
});
