import {
  type CanaryReleaseSpec,
  type CanaryReleaseStatus,
  type Deployment,
  LABELS,
  type Pod,
  type VirtualService,
} from '../../api/index.ts';
import type { Clock } from '../../kube/clock.ts';
import type { KubeObject, ObjectMeta } from '../../kube/types.ts';
import { isReady } from '../../workloads/index.ts';
import type { Write } from './true-cluster.ts';

export const NAMESPACE = 'shop';
export const RELEASE = 'cart';
export const KEY = `${NAMESPACE}/${RELEASE}`;

export type Weights = Readonly<Record<string, number>>;

/** The CanaryRelease as it is stored. */
export interface ReleaseObject extends KubeObject {
  readonly metadata: ObjectMeta;
  readonly spec: CanaryReleaseSpec;
  readonly status?: CanaryReleaseStatus;
}

/** A pod of the release. */
export interface PodFact {
  readonly uid: string;
  readonly name: string;
  readonly revision: string;
  readonly ip: string;
  readonly ready: boolean;
}

interface Lease extends KubeObject {
  spec?: { holderIdentity?: string; leaseDurationSeconds?: number };
}

/** A time in which something was so (ms); without an end it is so now. */
interface Span {
  readonly from: number;
  readonly to: number | undefined;
}

/** What really is in the cluster, and was; not what any operator believes. */
export class Truth {
  release: ReleaseObject | undefined;
  /** Percent by revision as the VirtualService says; undefined while there is none. */
  weights: Weights | undefined;
  /** Revisions that the DestinationRule names; those that it named before are in {@link wasNamed}. */
  subsets: readonly string[] = [];
  readonly deployments = new Map<
    string,
    { name: string; revision: string; replicas: number; image: string }
  >();
  readonly pods = new Map<string, PodFact>();
  lease: { holder: string; renewedAt: number; durationMs: number } | undefined;
  /** By revision, as far as any Deployment ever had it. */
  readonly images = new Map<string, string>();
  readonly #clock: Clock;
  readonly #ready = new Map<string, number>();
  readonly #readySpans = new Map<string, Span[]>();
  /** When the DestinationRule named a revision last (ms), of those that it names no more. */
  readonly #named = new Map<string, number>();
  #weightsHistory: { at: number; weights: Weights }[] = [];
  #specs: { at: number; spec: CanaryReleaseSpec }[] = [];
  /** Called before a pod, or its readiness, changes. */
  beforePods: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get status(): CanaryReleaseStatus {
    return this.release?.status ?? {};
  }

  /** To be told of each write before anybody else is. */
  wrote(write: Write): void {
    const { table, key, after } = write;
    if (table === 'canaryreleases.songbird.dev' && key === KEY) this.#releaseWritten(write);
    else if (table === 'virtualservices.networking.istio.io' && key === KEY) this.#routed(write.at, after);
    else if (table === 'destinationrules.networking.istio.io' && key === KEY) {
      const rule = after as { spec?: { subsets?: { name: string }[] } } | undefined;
      for (const revision of this.subsets) this.#named.set(revision, write.at);
      this.subsets = (rule?.spec?.subsets ?? []).map(({ name }) => name);
    } else if (table === 'deployments.apps') this.#deployed(write);
    else if (table === 'pods') this.#podChanged(write);
    else if (table === 'leases.coordination.k8s.io' && key === 'songbird-system/songbird') {
      const spec = (after as Lease | undefined)?.spec;
      const { holderIdentity: holder = '', leaseDurationSeconds = 15 } = spec ?? {};
      this.lease = { holder, renewedAt: write.at, durationMs: leaseDurationSeconds * 1000 };
    }
  }

  /** Ready pods of a revision, those of its baselines among them. */
  ready(revision: string | undefined): number {
    return this.#ready.get(revision ?? '') ?? 0;
  }

  /** True when the revision had a ready pod at some time since `from` (ms). */
  wasReady(revision: string | undefined, from: number): boolean {
    return (this.#readySpans.get(revision ?? '') ?? []).some(({ to }) => to === undefined || to >= from);
  }

  /** True when the revision has had a ready pod all the time since `from` (ms). */
  isReadySince(revision: string | undefined, from: number): boolean {
    const span = this.#readySpans.get(revision ?? '')?.at(-1);
    return span?.to === undefined && span !== undefined && span.from <= from;
  }

  /** True when the DestinationRule named the revision at some time since `from` (ms). */
  wasNamed(revision: string, from: number): boolean {
    return this.subsets.includes(revision) || (this.#named.get(revision) ?? -1) >= from;
  }

  weightOf(revision: string | undefined): number {
    return this.weights?.[revision ?? ''] ?? 0;
  }

  /** The weights that there were at some time since `from` (ms), the present ones among them. */
  weightsSince(from: number): readonly Weights[] {
    const index = this.#weightsHistory.findLastIndex(({ at }) => at <= from);
    return this.#weightsHistory.slice(Math.max(0, index)).map(({ weights }) => weights);
  }

  /** The manifests that there were at some time since `from` (ms), the present one among them. */
  specsSince(from: number): readonly CanaryReleaseSpec[] {
    const index = this.#specs.findLastIndex(({ at }) => at <= from);
    return this.#specs.slice(Math.max(0, index)).map(({ spec }) => spec);
  }

  imageOf(revision: string | undefined): string {
    return this.images.get(revision ?? '') ?? revision ?? '';
  }

  get now(): number {
    return this.#clock.monotonic();
  }

  #releaseWritten({ at, before, after }: Write): void {
    this.release = after as ReleaseObject | undefined;
    if (this.release === undefined) this.#specs = [];
    else if ((before as ReleaseObject | undefined)?.spec !== this.release.spec)
      this.#specs.push({ at, spec: this.release.spec });
  }

  #routed(at: number, object: KubeObject | undefined): void {
    this.weights = object === undefined ? undefined : weightsIn(object as VirtualService);
    this.#weightsHistory.push({ at, weights: this.weights ?? {} });
  }

  #deployed({ key, after }: Write): void {
    const deployment = after as Deployment | undefined;
    const revision = deployment?.metadata.labels?.[LABELS.revision];
    if (deployment === undefined || revision === undefined) {
      this.deployments.delete(key);
      return;
    }
    const template = deployment.spec.template as { spec: { containers: { image: string }[] } };
    const image = template.spec.containers[0]?.image ?? '';
    this.images.set(revision, image);
    if (deployment.metadata.labels?.[LABELS.baseline] !== undefined) return;
    const { name } = deployment.metadata;
    this.deployments.set(key, { name, revision, replicas: deployment.spec.replicas ?? 1, image });
  }

  #podChanged({ at, before, after }: Write): void {
    const uid = (after ?? before)?.metadata.uid ?? '';
    const old = this.pods.get(uid);
    const now = after === undefined ? undefined : factOf(after);
    if (now?.ready !== old?.ready || now?.ip !== old?.ip) this.beforePods();
    if (now === undefined) this.pods.delete(uid);
    else this.pods.set(uid, now);
    const [was, is] = [old?.ready === true, now?.ready === true];
    if (was === is) return;
    const revision = (now ?? old)?.revision ?? '';
    this.#count(revision, this.ready(revision) + (is ? 1 : -1), at);
  }

  #count(revision: string, count: number, at: number): void {
    const was = this.ready(revision);
    this.#ready.set(revision, count);
    const spans = this.#readySpans.get(revision) ?? [];
    this.#readySpans.set(revision, spans);
    if (was === 0 && count > 0) spans.push({ from: at, to: undefined });
    const last = spans.at(-1);
    if (count === 0 && last !== undefined) spans[spans.length - 1] = { from: last.from, to: at };
  }
}

function factOf(pod: Pod): PodFact {
  const { uid = '', name, labels } = pod.metadata;
  return {
    uid,
    name,
    revision: labels?.[LABELS.revision] ?? '',
    ip: pod.status?.podIP ?? '',
    ready: isReady(pod),
  };
}

/** Percent by subset. */
export function weightsIn(service: VirtualService): Weights {
  const route = service.spec.http?.[0]?.route ?? [];
  return Object.fromEntries(
    route
      .map(({ destination, weight }) => [destination.subset ?? '', weight ?? 100] as const)
      .filter(([, weight]) => weight > 0),
  );
}

/** The image of the template. */
export function imageIn({ template }: CanaryReleaseSpec): string {
  const { containers } = template.spec as { containers: { image: string }[] };
  return containers[0]?.image ?? '';
}
