import type { VirtualClock } from '../../kube/virtual-clock.ts';
import { ApiError } from '../../kube/types.ts';
import type { Told } from '../wire.ts';
import type { Attributes } from './access.ts';
import { Feed, type Sink, type Teller } from './feed.ts';
import type { Visitor } from './gate.ts';
import { type SeenRelease, seen } from './seen.ts';

/** A release as the dashboard keeps it. */
export function release(key: string, status: object = {}, uid = key): SeenRelease {
  const [namespace = '', name = ''] = key.split('/');
  return seen({
    apiVersion: 'songbird.dev/v1alpha1',
    kind: 'CanaryRelease',
    metadata: { namespace, name, uid },
    spec: {
      template: { spec: { containers: [{ name, image: 'registry/it:v1' }] } },
      service: { name, port: 80 },
      traffic: { istio: { hosts: [name] } },
      steps: [{ weight: 5, for: '1m' }, { weight: 100 }],
      analysis: { errorRate: { max: '1%' }, latency: { p99: '500ms' } },
    },
    status: status,
  });
}

/** A status in mid-release, at this weight and with these counts. */
export function going(weight: number, at: number, all = 100, attempt = 1): object {
  const time = new Date(at).toISOString();
  const counts = { all, bad: 0 };
  return {
    phase: 'Progressing',
    stableRevision: 'old',
    candidateRevision: 'new',
    attempt: { number: attempt, startedAt: time },
    step: {
      index: 1,
      of: 2,
      weight,
      observedWeight: weight,
      startedAt: time,
      observedAt: time,
      progressAt: time,
    },
    analysis: {
      revision: 'new',
      through: time,
      verdict: 'Inconclusive',
      message: 'not yet',
      metrics: [
        {
          name: 'errors',
          verdict: 'Inconclusive',
          message: 'not yet',
          candidate: counts,
          stable: counts,
          window: counts,
          evidence: 0.1,
        },
      ],
    },
  };
}

/** Somebody with rights that a test gives and takes. */
export class TestVisitor implements Visitor {
  readonly name = 'anna';
  readonly hasSession = true;
  /** `verb resource namespace`, with * for all namespaces. */
  readonly rights = new Set<string>();
  isLetIn = true;
  /** The API server does not answer. */
  isAway = false;

  constructor(...rights: readonly string[]) {
    for (const right of rights) this.rights.add(right);
  }

  readonly enter = async (): Promise<Visitor | undefined> => {
    if (this.isAway) throw new ApiError(0, 'ConnectionFailed', 'no answer');
    return this.isLetIn ? this : undefined;
  };

  async user(): Promise<string> {
    return this.name;
  }

  async may({ verb, resource, namespace = '*' }: Attributes): Promise<boolean> {
    return this.rights.has(`${verb} ${resource} ${namespace}`);
  }

  order(): Promise<never> {
    return Promise.reject(new Error('no orders here'));
  }

  ordered(): Promise<never> {
    return Promise.reject(new Error('no orders here'));
  }
}

/** A page that hears a feed, as slowly as a test wants. */
export class Listener implements Sink {
  readonly told: [keyof Told, unknown][] = [];
  readonly feed: Feed;
  /** True while it takes nothing. */
  isStuck = false;
  isEnded = false;
  beats = 0;
  #unstick: () => void = () => undefined;

  constructor(clock: VirtualClock) {
    this.feed = new Feed(this, clock);
  }

  /** Hears what a teller tells, until either has had enough. */
  hear(teller: Teller): Promise<void> {
    return this.feed.run(teller);
  }

  write(text: string): void {
    if (text === ':\n\n') this.beats += 1;
    const [, event, data = ''] = /^event: (\w+)\ndata: (.*)\n\n$/.exec(text) ?? [];
    if (event !== undefined) this.told.push([event as keyof Told, JSON.parse(data)]);
  }

  drained(): Promise<void> {
    if (!this.isStuck) return Promise.resolve();
    return new Promise((resolve) => {
      this.#unstick = resolve;
    });
  }

  unstick(): void {
    this.isStuck = false;
    this.#unstick();
  }

  end(): void {
    this.isEnded = true;
  }

  /** What was told since the last call. */
  news(): [keyof Told, unknown][] {
    return this.told.splice(0);
  }

  /** The same, with releases by their keys alone. */
  keys(): [keyof Told, unknown][] {
    return this.news().map(([event, data]) => [
      event,
      event === 'releases' ? (data as Told['releases']).map(({ key }) => key) : data,
    ]);
  }
}
