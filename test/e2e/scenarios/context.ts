import type { CanaryReleaseStatus, VirtualService } from '../../../src/api/index.ts';
import type { KubeObject } from '../../../src/kube/types.ts';
import type { Load, LoadSummary } from '../harness/load.ts';
import type { OperatorProcess } from '../harness/operator.ts';
import type { Testbed } from '../harness/testbed.ts';

const GONE_MS = 60_000;

/** What a scenario reports: the line that `--json` prints, less name, verdict and time. */
export interface Report {
  readonly requests: number;
  readonly failed: number;
  /** The candidate's weights in the order in which the routes gave them. */
  readonly weights: readonly number[];
  /** More figures, for people. */
  readonly notes?: Readonly<Record<string, number | string>>;
}

export interface Scenario {
  readonly name: string;
  run(context: Context): Promise<Report>;
}

export interface Release extends KubeObject {
  spec: Record<string, unknown>;
  status?: CanaryReleaseStatus;
}

/** How the versions of the demo app behave. */
export type Env = Readonly<Record<string, string>>;

/** One scenario's own namespace with one release `shop`, real traffic, and what can be seen from outside. */
export class Context {
  readonly bed: Testbed;
  readonly operator: OperatorProcess;
  readonly namespace: string;
  #load: Load | undefined;
  #watch: WeightWatch | undefined;

  constructor(bed: Testbed, operator: OperatorProcess, namespace: string) {
    this.bed = bed;
    this.operator = operator;
    this.namespace = namespace;
  }

  get host(): string {
    return `shop.${this.namespace}`;
  }

  /** The manifest of the release with this version of the app. */
  manifest(
    version: string,
    env: Env = {},
    spec: Record<string, unknown> = {},
    image = `demo-app:${version}`,
  ): Release {
    const container = {
      name: 'app',
      image,
      env: Object.entries(env).map(([name, value]) => ({ name, value })),
      ports: [{ name: 'http', containerPort: 9080 }],
      readinessProbe: { httpGet: { path: '/readyz', port: 9080 }, periodSeconds: 1 },
    };
    return {
      apiVersion: 'songbird.dev/v1alpha1',
      kind: 'CanaryRelease',
      metadata: { name: 'shop', namespace: this.namespace },
      spec: {
        replicas: 2,
        version,
        template: { spec: { containers: [container] } },
        service: { name: 'shop', port: 9080, portName: 'http' },
        traffic: { istio: { hosts: ['shop'] } },
        steps: [
          { weight: 5, for: '3s' },
          { weight: 40, for: '3s' },
          { weight: 60, for: '3s' },
          { weight: 100 },
        ],
        analysis: { source: 'proxies', errorRate: { max: '1%' } },
        progressDeadline: '1m',
        scaleDownDelay: '5s',
        ...spec,
      },
    };
  }

  async apply(manifest: Release): Promise<void> {
    await this.bed.kube.apply(manifest);
  }

  async release(): Promise<Release> {
    const release = await this.bed.kube.find<Release>('CanaryRelease', this.namespace, 'shop');
    if (release === undefined) throw new Error('the release is gone');
    return release;
  }

  async status(): Promise<CanaryReleaseStatus> {
    return (await this.release()).status ?? {};
  }

  /** Waits until the status is as wanted; the error says what it was instead. */
  async until(
    what: string,
    wanted: (status: CanaryReleaseStatus) => boolean,
    limitMs = 60_000,
  ): Promise<CanaryReleaseStatus> {
    let last: CanaryReleaseStatus = {};
    try {
      return await this.bed.eventually(what, limitMs, async () => {
        last = await this.status();
        return wanted(last) && last;
      });
    } catch (error) {
      const seen = { phase: last.phase, message: last.message, step: last.step, conditions: last.conditions };
      throw new Error(`${String(error)}; saw ${JSON.stringify(seen)}`, { cause: error });
    }
  }

  /** Brings up v1 and traffic to it; answers that take longer than `slowMs` are counted as slow. */
  async healthy(
    spec: Record<string, unknown> = {},
    rate = 200,
    { env = {}, slowMs = Infinity }: { env?: Env; slowMs?: number } = {},
  ): Promise<CanaryReleaseStatus> {
    await this.apply(this.manifest('v1', env, spec));
    const status = await this.until(
      'v1 is healthy',
      ({ phase, conditions }) => phase === 'Healthy' && isTrue(conditions, 'Ready'),
    );
    await this.bed.eventually('the gateway routes to v1', 10_000, async () => {
      const weights = await this.bed.mesh.effectiveWeights(this.host);
      return weights?.[status.stableRevision ?? ''] === 100;
    });
    this.#load = this.bed.load({ host: this.host, rate, slowMs });
    this.#watch = await WeightWatch.start(this);
    return status;
  }

  get load(): Load {
    if (this.#load === undefined) throw new Error('no traffic yet: call healthy() first');
    return this.#load;
  }

  /** When the candidate's weight first was as given after a time (ms since the epoch). */
  get weights(): WeightWatch {
    if (this.#watch === undefined) throw new Error('no weights yet: call healthy() first');
    return this.#watch;
  }

  async virtualService(): Promise<VirtualService | undefined> {
    return this.bed.kube.find<VirtualService>('VirtualService', this.namespace, 'shop');
  }

  /** Ends the traffic; the report of what it experienced. */
  async finish(notes?: Report['notes']): Promise<Report & { summary: LoadSummary }> {
    const summary = await this.load.stop();
    const weights = await this.weights.stop();
    const { requests, failed } = summary;
    return { requests, failed, weights, summary, ...(notes === undefined ? {} : { notes }) };
  }

  /** Deletes the releases, and waits until the operator has let them go. */
  async clear(): Promise<void> {
    const { kube } = this.bed;
    for (const { metadata } of await kube.list<Release>('CanaryRelease', this.namespace)) {
      await kube.delete('CanaryRelease', this.namespace, metadata.name);
    }
    await this.bed.eventually('deleted releases go', GONE_MS, async () => {
      const left = await kube.list<Release>('CanaryRelease', this.namespace);
      return left.length === 0;
    });
  }

  /** Ends what the scenario left running. */
  async close(): Promise<void> {
    await this.#load?.stop();
    await this.#watch?.stop();
    await this.bed.kube.delete('Namespace', '', this.namespace);
  }
}

/** Notes each change of the weights of the revisions other than the one that was stable at first. */
export class WeightWatch {
  readonly #context: Context;
  readonly #seen: { at: number; weight: number }[] = [];
  readonly #ended = new AbortController();
  #first: string | undefined;

  private constructor(context: Context) {
    this.#context = context;
  }

  static async start(context: Context): Promise<WeightWatch> {
    const watch = new WeightWatch(context);
    const { namespace } = context;
    await context.bed.kube.watch<VirtualService>(
      'VirtualService',
      (service, gone) => {
        if (service.metadata.namespace === namespace && service.metadata.name === 'shop' && !gone)
          watch.#note(service);
      },
      watch.#ended.signal,
    );
    return watch;
  }

  list(): number[] {
    return this.#seen.map(({ weight }) => weight);
  }

  /** When this weight was first seen at or after `since` (ms since the epoch). */
  firstAt(weight: number, since = 0): number | undefined {
    return this.#seen.find((entry) => entry.weight === weight && entry.at >= since)?.at;
  }

  /** Ends the watch; what the API server has by now is noted. */
  async stop(): Promise<number[]> {
    if (this.#ended.signal.aborted) return this.list();
    const last = await this.#context.virtualService();
    this.#ended.abort();
    if (last !== undefined) this.#note(last);
    return this.list();
  }

  #note(service: VirtualService): void {
    const route = service.spec.http?.[0]?.route ?? [];
    this.#first ??= route[0]?.destination.subset;
    const others = route.filter(({ destination }) => destination.subset !== this.#first);
    const weight = others.reduce((sum, part) => sum + (part.weight ?? 100), 0);
    const last = this.#seen.at(-1)?.weight ?? 0;
    if (weight !== last) this.#seen.push({ at: Date.now(), weight });
  }
}

/** @throws Error with what was seen, unless it is as it should be */
export function expect(what: string, ok: boolean, seen: unknown): void {
  if (!ok) throw new Error(`${what}; saw ${JSON.stringify(seen)}`);
}

/** True when the condition of this type is True. */
export function isTrue(conditions: CanaryReleaseStatus['conditions'], type: string): boolean {
  return conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
}
