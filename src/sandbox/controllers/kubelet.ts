import { timestamp } from '../cluster/core.ts';
import { at, equal, listOf, objectOf, textOf, type JsonObject, type Stored } from '../cluster/object.ts';
import { PODS, type SystemClient, TABLES } from './host.ts';
import type { Loop } from './loop.ts';
import { keyOfObject } from './owners.ts';
import type { PodBehaviour, PodBehaviourOf } from './pod-behaviour.ts';
import { conditionOf } from './pods.ts';

const DEFAULT_READY_MS = 1000;
const FIRST_BACKOFF_MS = 10_000;
const LONGEST_BACKOFF_MS = 300_000;

type State = 'creating' | 'waiting' | 'running' | 'ready' | 'crashed';

interface Run {
  readonly behaviour: PodBehaviour;
  readonly ip: string;
  /** When the pod was bound, or its containers were started last; monotonic ms. */
  since: number;
  state: State;
  restarts: number;
  /** When the pod's deletion began; monotonic ms. */
  stopping: number | undefined;
}

/**
 * Plays the node: containers start, get ready, crash and stop as {@link PodBehaviour} says. It writes the status of a pod
 * only when a pod enters another state, so that a status written by others, say a test, stays.
 */
export class Kubelet {
  readonly #client: SystemClient;
  readonly #loop: Loop;
  readonly #behaviourOf: PodBehaviourOf;
  readonly #runs = new Map<string, Run>();
  #addresses = 0;

  constructor(client: SystemClient, loop: Loop, behaviourOf: PodBehaviourOf) {
    this.#client = client;
    this.#loop = loop;
    this.#behaviourOf = behaviourOf;
  }

  /** A pod came or changed. */
  podChanged(pod: Stored): void {
    if (textOf(at(pod, 'spec', 'nodeName')) !== '') this.#loop.mark('kubelet', keyOfObject(pod), this.#sync);
  }

  /** A pod is gone. */
  podGone(pod: Stored): void {
    this.#runs.delete(pod.metadata.uid ?? '');
  }

  readonly #sync = (key: string): void => {
    const pod = this.#client.get(TABLES.pods, key);
    if (pod === undefined) return;
    const run = this.#runOf(pod);
    const now = this.#client.clock.monotonic();
    if (pod.metadata.deletionTimestamp !== undefined) this.#stop(pod, run, now);
    else this.#advance(pod, run, now);
  };

  #runOf(pod: Stored): Run {
    const uid = pod.metadata.uid ?? '';
    const known = this.#runs.get(uid);
    if (known !== undefined) return known;
    this.#addresses += 1;
    const ip = `10.244.${Math.floor(this.#addresses / 250) % 250}.${1 + (this.#addresses % 250)}`;
    const run: Run = {
      behaviour: this.#behaviourOf(pod),
      ip,
      since: this.#client.clock.monotonic(),
      state: 'creating',
      restarts: 0,
      stopping: undefined,
    };
    this.#runs.set(uid, run);
    this.#write(pod, run);
    return run;
  }

  #stop(pod: Stored, run: Run, now: number): void {
    run.stopping ??= now;
    const grace = (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
    const left = run.stopping + Math.min(grace, run.behaviour.stopAfterMs ?? 0) - now;
    if (left > 0) this.#again(pod, left);
    else this.#client.delete(PODS, pod, { gracePeriodSeconds: 0 });
  }

  #advance(pod: Stored, run: Run, now: number): void {
    for (let next = nextState(run); next !== undefined; next = nextState(run)) {
      const wait = run.since + next.afterMs - now;
      if (wait > 0) {
        this.#again(pod, wait);
        return;
      }
      if (next.state === 'crashed' || (next.state === 'running' && run.state !== 'ready')) {
        if (run.state === 'crashed') run.restarts += 1;
        run.since += next.afterMs;
      }
      run.state = next.state;
      const current = this.#client.get(TABLES.pods, keyOfObject(pod));
      if (current === undefined) return;
      this.#write(current, run);
    }
  }

  #again(pod: Stored, ms: number): void {
    this.#loop.markAfter(ms, 'kubelet', keyOfObject(pod), this.#sync);
  }

  #write(pod: Stored, run: Run): void {
    const now = timestamp(this.#client.clock);
    const status = statusOf(pod, run, now);
    if (!equal(status, pod['status'])) this.#client.update(PODS, { ...pod, status }, 'status');
  }
}

/** What comes next for a pod, and how long after `run.since`; undefined where it stays as it is. */
function nextState({ state, behaviour, restarts }: Run): { state: State; afterMs: number } | undefined {
  const { startAfterMs = 0, readyAfterMs = DEFAULT_READY_MS, crash, waitingReason } = behaviour;
  const ready = { state: 'ready' as const, afterMs: readyAfterMs };
  switch (state) {
    case 'creating':
      return { state: waitingReason === undefined ? 'running' : 'waiting', afterMs: startAfterMs };
    case 'waiting':
      return undefined;
    case 'running': {
      const isFirst = crash === undefined || readyAfterMs < crash.afterMs;
      return isFirst ? ready : { state: 'crashed', afterMs: crash.afterMs };
    }
    case 'ready':
      return crash === undefined ? undefined : { state: 'crashed', afterMs: crash.afterMs };
    case 'crashed':
      return { state: 'running', afterMs: Math.min(FIRST_BACKOFF_MS * 2 ** restarts, LONGEST_BACKOFF_MS) };
  }
}

function statusOf(pod: Stored, run: Run, now: string): JsonObject {
  const { state, ip, restarts } = run;
  const started = state === 'running' || state === 'ready' || state === 'crashed';
  const before = objectOf(pod['status']);
  const addresses = started ? { podIP: ip, podIPs: [{ ip }] } : {};
  return {
    ...before,
    ...addresses,
    hostIP: '10.0.0.1',
    hostIPs: [{ ip: '10.0.0.1' }],
    startTime: before['startTime'] ?? now,
    phase: started ? 'Running' : 'Pending',
    observedGeneration: pod.metadata.generation,
    conditions: conditions(pod, state, now),
    containerStatuses: listOf(at(pod, 'spec', 'containers')).map((item) => {
      const { name, image } = objectOf(item);
      return {
        name,
        image,
        imageID: '',
        ready: state === 'ready',
        started: state === 'running' || state === 'ready',
        restartCount: restarts,
        state: containerState(run, now),
        lastState: lastState(run, now),
      };
    }),
  };
}

function containerState({ state, behaviour }: Run, now: string): JsonObject {
  const { waitingReason, waitingMessage } = behaviour;
  switch (state) {
    case 'creating':
      return { waiting: { reason: 'ContainerCreating' } };
    case 'waiting':
      return {
        waiting: {
          reason: waitingReason,
          ...(waitingMessage === undefined ? {} : { message: waitingMessage }),
        },
      };
    case 'crashed':
      return {
        waiting: { reason: 'CrashLoopBackOff', message: 'back-off restarting failed container' },
      };
    case 'running':
    case 'ready':
      return { running: { startedAt: now } };
  }
}

function lastState({ state, restarts, behaviour }: Run, now: string): JsonObject {
  if (state !== 'crashed' && restarts === 0) return {};
  return { terminated: { exitCode: behaviour.crash?.exitCode ?? 1, reason: 'Error', finishedAt: now } };
}

const ORDER = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'];

function conditions(pod: Stored, state: State, now: string): JsonObject[] {
  const names = listOf(at(pod, 'spec', 'containers')).map((item) => textOf(objectOf(item)['name']));
  const isReady = state === 'ready';
  const unready = {
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${names.join(' ')}]`,
  };
  return ORDER.map((type) => {
    const readiness = type === 'Ready' || type === 'ContainersReady';
    const status = !readiness || isReady ? 'True' : 'False';
    const before = conditionOf(pod, type);
    const since = before?.['status'] === status ? before['lastTransitionTime'] : now;
    return {
      type,
      status,
      lastProbeTime: null,
      lastTransitionTime: since ?? now,
      ...(status === 'False' ? unready : {}),
    };
  });
}
