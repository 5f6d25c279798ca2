import { LABELS, type Pod } from '../../api/index.ts';
import type { Clock } from '../../kube/clock.ts';
import { Informer } from '../../kube/informer.ts';
import { type ReadEvent, eventTimeOf } from '../../kube/event-time.ts';
import type { ApiClient } from '../../kube/types.ts';
import { events, pods } from '../../kube/well-known.ts';
import type { EventView, PodView } from '../wire.ts';
import { onceEach } from './complaints.ts';

/** Pods and Events of a release, as they are now. */
export interface Around {
  readonly pods: readonly PodView[];
  readonly events: readonly EventView[];
}

/** A look at what is around a release, for as long as somebody takes it. */
export interface Look {
  around(): Around;
  end(): void;
}

/** Events that are shown. */
const SHOWN = 20;

/** Pods and Events of those releases that somebody looks at: each is watched once, for as long as anybody does. */
export class Surroundings {
  readonly #client: ApiClient;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #watched = new Map<string, Watched>();

  constructor(client: ApiClient, clock: Clock, onError: (error: unknown) => void) {
    this.#client = client;
    this.#clock = clock;
    this.#onError = onError;
  }

  /** @param onChange called at each change */
  look(key: string, onChange: () => void): Look {
    let watched = this.#watched.get(key);
    if (watched === undefined) {
      watched = new Watched(key, this.#client, this.#clock, this.#onError);
      this.#watched.set(key, watched);
    }
    const { listeners } = watched;
    // The same function may be given twice.
    const listener = () => {
      onChange();
    };
    listeners.add(listener);
    return {
      around: () => watched.around(),
      end: () => {
        listeners.delete(listener);
        if (listeners.size > 0 || this.#watched.get(key) !== watched) return;
        this.#watched.delete(key);
        watched.stop();
      },
    };
  }
}

class Watched {
  readonly listeners = new Set<() => void>();
  readonly #pods: Informer<Pod>;
  readonly #events: Informer<ReadEvent>;

  constructor(key: string, client: ApiClient, clock: Clock, onError: (error: unknown) => void) {
    const [namespace = '', name = ''] = key.split('/');
    const tell = () => {
      for (const listener of this.listeners) listener();
    };
    const handlers = { added: tell, updated: tell, deleted: tell };
    const common = { client, clock, namespace, handlers, ...onceEach(onError) };
    this.#pods = new Informer<Pod>({ ...common, type: pods, labelSelector: `${LABELS.release}=${name}` });
    this.#events = new Informer<ReadEvent>({
      ...common,
      type: events,
      fieldSelector: `regarding.kind=CanaryRelease,regarding.name=${name}`,
    });
    for (const informer of [this.#pods, this.#events]) informer.start();
  }

  around(): Around {
    return {
      pods: this.#pods
        .list()
        .map(podView)
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
      events: this.#events
        .list()
        .map(eventView)
        .sort((a, b) => (a.at < b.at ? 1 : -1))
        .slice(0, SHOWN),
    };
  }

  stop(): void {
    for (const informer of [this.#pods, this.#events]) void informer.stop();
  }
}

function podView({ metadata, status }: Pod): PodView {
  const { conditions = [], containerStatuses = [], initContainerStatuses = [] } = status ?? {};
  const ready = conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  const waiting = [...initContainerStatuses, ...containerStatuses].find(
    ({ state }) => state?.waiting !== undefined,
  );
  return {
    name: metadata.name,
    revision: metadata.labels?.[LABELS.revision] ?? '',
    ready: ready && metadata.deletionTimestamp === undefined,
    restarts: containerStatuses.reduce((sum, { restartCount = 0 }) => sum + restartCount, 0),
    why: metadata.deletionTimestamp === undefined ? waiting?.state?.waiting?.reason : 'is ending',
  };
}

function eventView(event: ReadEvent): EventView {
  const { type, reason = '', note = '' } = event;
  return { at: eventTimeOf(event), warning: type === 'Warning', reason, note };
}
