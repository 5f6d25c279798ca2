import type { Pod } from '../../api/index.ts';
import { ApiError, type Json, type KubeObject } from '../../kube/types.ts';
import { pods as podType } from '../../kube/well-known.ts';
import { CALL_TIMEOUT_MS } from './process-client.ts';
import { type FaultInTime, type Who, isInTime } from './plan.ts';
import { isOperator, type ProcessClock } from './process-clock.ts';
import type { Simulation } from './simulation.ts';
import { NAMESPACE } from './truth.ts';

/** Faults that keep operators from seeing or doing what they should. */
const HOLDS_UP: ReadonlySet<string> = new Set([
  'leader stopped',
  'leader killed',
  'no permission',
  'watch frozen',
  'API server away',
  'history compacted',
  'old list',
]);

/** Kinds without which traffic can be taken back. */
const ASIDE: ReadonlySet<string> = new Set(['deployments', 'destinationrules']);

/** No list of a plan is older (ms). */
const OLD_LIST_MS = 60_000;

/** A mend of what a fault did. */
type Mend = () => void;

/** Faults that last for a time: begins and ends those of a plan. */
export class Troubles {
  /** How many have begun. */
  fired = 0;
  readonly #simulation: Simulation;
  readonly #happened: (who: string, what: string) => void;

  constructor(simulation: Simulation, happened: (who: string, what: string) => void) {
    this.#simulation = simulation;
    this.#happened = happened;
  }

  start(): void {
    const { plan, clock } = this.#simulation;
    for (const fault of plan.faults.filter(isInTime)) {
      clock.after(fault.at, () => {
        const { at, ...rest } = fault;
        this.#happened('fault', JSON.stringify(rest));
        if (HOLDS_UP.has(fault.fault)) this.#simulation.disturb(fault.forMs, isAside(fault));
        this.fired += 1;
        const mend = this.#begin(fault);
        clock.after(fault.forMs, () => {
          this.#happened('fault', `ends: ${fault.fault}`);
          mend();
        });
      });
    }
  }

  #begin(fault: FaultInTime): Mend {
    const { mesh, network, proxies, prometheus, cluster, clock } = this.#simulation;
    switch (fault.fault) {
      case 'leader stopped':
        return this.#stopLeader(fault.forMs);
      case 'leader killed': {
        const { leader } = this.#simulation;
        if (leader !== undefined) this.#simulation.crash(leader.clock);
        return nothing;
      }
      case 'clock':
        return this.#setClock(fault.byMs);
      case 'telemetry':
        proxies.faults.begin(fault.kind);
        prometheus.faults.begin(fault.kind);
        return () => {
          proxies.end(fault.kind);
          prometheus.faults.end(fault.kind);
        };
      case 'mesh late':
        mesh.delayMs += fault.byMs;
        return () => {
          mesh.delayMs -= fault.byMs;
        };
      case 'pods unready':
        return this.#unready(fault.who);
      case 'pods deleted':
        for (const pod of this.#podsOf(fault.who)) this.#delete(pod);
        return nothing;
      case 'no permission':
        network.forbidden.push(fault.plural);
        this.#simulation.markStale(fault.forMs, 0, isAside(fault));
        return () => {
          network.forbidden.splice(network.forbidden.indexOf(fault.plural), 1);
        };
      case 'status refused':
        network.statusFaults.push(fault.how);
        network.statusHeldUntil = clock.monotonic() + fault.forMs + CALL_TIMEOUT_MS;
        return () => {
          network.statusFaults.splice(network.statusFaults.indexOf(fault.how), 1);
        };
      case 'watch frozen':
        network.frozen.set(fault.plural, {
          from: clock.monotonic(),
          to: clock.monotonic() + fault.forMs,
        });
        this.#simulation.markStale(fault.forMs);
        return nothing;
      case 'API server away':
        network.up = false;
        this.#simulation.markStale(fault.forMs);
        cluster.endWatches(isOfOperator, new ApiError(0, 'ConnectionFailed', 'connection reset'));
        return () => {
          network.up = true;
        };
      case 'history compacted':
        cluster.compact();
        cluster.endWatches(isOfOperator);
        return nothing;
      case 'old list':
        network.old.set(fault.plural, fault.revisions);
        this.#simulation.markStale(fault.forMs, OLD_LIST_MS);
        cluster.endWatches(
          (request) => isOfOperator(request) && request.plural === fault.plural,
          new ApiError(410, 'Expired', 'too old resource version'),
        );
        return nothing;
    }
  }

  #stopLeader(forMs: number): Mend {
    const { leader } = this.#simulation;
    if (leader === undefined) return nothing;
    leader.clock.stop();
    this.#simulation.markStale(forMs);
    return () => {
      leader.clock.continue();
    };
  }

  #setClock(byMs: number): Mend {
    const set: ProcessClock[] = this.#simulation.running.map(({ clock }) => clock);
    for (const clock of set) clock.jump(byMs);
    return () => {
      for (const clock of set) clock.jump(-byMs);
    };
  }

  #podsOf(who: Who): KubeObject[] {
    const { truth, cluster } = this.#simulation;
    const { stableRevision, candidateRevision } = truth.status;
    const revision = who === 'stable' ? stableRevision : candidateRevision;
    return [...truth.pods.values()]
      .filter((pod) => pod.revision === revision)
      .map(({ name }) => cluster.core.store.get('pods', `${NAMESPACE}/${name}`) as KubeObject | undefined)
      .filter((pod) => pod !== undefined);
  }

  #delete({ metadata: { name } }: KubeObject): void {
    const { plural, group, version } = podType;
    const options = { gracePeriodSeconds: 0 };
    this.#simulation.cluster.execute({
      verb: 'delete',
      plural,
      group,
      version,
      namespace: NAMESPACE,
      name,
      user: 'node',
      options,
    });
  }

  #unready(who: Who): Mend {
    const struck = this.#podsOf(who);
    for (const pod of struck) this.#setReady(pod, false);
    return () => {
      const { cluster } = this.#simulation;
      for (const { metadata } of struck) {
        const pod = cluster.core.store.get('pods', `${NAMESPACE}/${metadata.name}`) as KubeObject | undefined;
        if (pod?.metadata.uid === metadata.uid && pod !== undefined) this.#setReady(pod, true);
      }
    };
  }

  #setReady(object: KubeObject, ready: boolean): void {
    const { status } = object as Pod;
    // Of a pod whose containers are not up the kubelet would not say that it is ready.
    const isUp = status?.containerStatuses?.every(({ state }) => state?.running !== undefined) === true;
    if (!isUp) return;
    const value = ready ? 'True' : 'False';
    const conditions = (status.conditions ?? []).map((condition) =>
      condition.type === 'Ready' ? { ...condition, status: value } : condition,
    );
    const { plural, group, version } = podType;
    this.#simulation.cluster.execute({
      verb: 'update',
      plural,
      group,
      version,
      namespace: NAMESPACE,
      name: object.metadata.name,
      subresource: 'status',
      user: 'node',
      body: jsonOf({ ...object, status: { ...status, conditions } }),
      options: {},
    });
  }
}

/** True of a fault that is no reason not to take traffic back. */
function isAside(fault: FaultInTime): boolean {
  return fault.fault === 'no permission' && ASIDE.has(fault.plural);
}

function jsonOf(object: unknown): Json {
  return JSON.parse(JSON.stringify(object)) as Json;
}

function nothing(): void {
  // What was done cannot, or need not, be undone.
}

function isOfOperator({ user }: { user: string }): boolean {
  return isOperator(user);
}
