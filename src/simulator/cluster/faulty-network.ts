import { type Clock, sleep } from '../../kube/clock.ts';
import { ApiError, type ResourceType } from '../../kube/types.ts';
import {
  conflict,
  expired,
  failure,
  type FieldError,
  forbidden,
  invalid,
} from '../../sandbox/cluster/errors.ts';
import type { Dice } from '../dice.ts';
import { type CallFault, type EventFault, type Fault, type StatusFault, isInTime } from './plan.ts';
import { CALL_TIMEOUT_MS, type Call, type EventObject, type Network } from './process-client.ts';
import type { ProcessClock } from './process-clock.ts';

export const LATE_MS = 3000;

const LASTS: Partial<Record<CallFault, number>> = { timeout: CALL_TIMEOUT_MS, late: LATE_MS };

const BREAKS_A_RULE: FieldError = {
  field: 'spec',
  reason: 'FieldValueInvalid',
  message: 'Invalid value: a rule of this cluster',
};

/** What a run that is recorded says of a call or an event on which faults can hang. */
export interface Recorded {
  /** Such as `patch virtualservices#2`: the second call of that kind. */
  readonly name: string;
  readonly kind: 'read' | 'write' | 'event';
}

export interface NetworkListener {
  /** A call is sent. */
  sent(name: string, call: Call, process: ProcessClock): void;
  /** A fault happens, and lasts for a time (ms). */
  happened(fault: string, what: string, forMs: number): void;
  /** The process is to die at this moment. */
  crash(process: ProcessClock): void;
  /** From now on for so long (ms) caches may be older than they look. */
  stale(forMs: number): void;
}

/** A drop is found out by the slow list at the latest (ms). */
const RELIST_MS = 31 * 60_000;

/** The network of a simulation: latencies, and the faults of a plan that hang on calls and events. */
export class FaultyNetwork implements Network {
  readonly recorded: Recorded[] = [];
  /** False: no API server answers. */
  up = true;
  /** Kinds that operators may not touch; `*` for all. */
  readonly forbidden: string[] = [];
  /** What writes of a release's status are answered with. */
  readonly statusFaults: StatusFault[] = [];
  /** Until then (ms) a write of a status may hang that was sent while they lasted. */
  statusHeldUntil = 0;
  /** Kinds of which no event comes through any watch that was there at `from`, until `to` (ms). */
  readonly frozen = new Map<string, { readonly from: number; readonly to: number }>();
  /** By kind: so many revisions old is the next list. */
  readonly old = new Map<string, number>();
  readonly #clock: Clock;
  readonly #dice: Dice;
  readonly #latencyMs: number;
  readonly #listener: NetworkListener;
  readonly #calls = new Map<string, CallFault>();
  readonly #events = new Map<string, EventFault>();
  readonly #counts = new Map<string, number>();

  constructor(
    clock: Clock,
    dice: Dice,
    latencyMs: number,
    faults: readonly Fault[],
    listener: NetworkListener,
  ) {
    this.#clock = clock;
    this.#dice = dice;
    this.#latencyMs = latencyMs;
    this.#listener = listener;
    for (const fault of faults) {
      if (isInTime(fault)) continue;
      if ('call' in fault) this.#calls.set(fault.on, fault.call);
      else this.#events.set(fault.on, fault.event);
    }
  }

  send(call: Call, process: ProcessClock): string {
    const sub = call.subresource === undefined ? '' : `/${call.subresource}`;
    const name = this.#name(`${call.verb} ${call.type.plural}${sub}`);
    this.recorded.push({ name, kind: call.isWrite ? 'write' : 'read' });
    this.#listener.sent(name, call, process);
    return name;
  }

  async before(name: string, call: Call, process: ProcessClock): Promise<void> {
    await this.#travel();
    if (!this.up) throw unanswered(call.type, 'ConnectionFailed');
    const { plural } = call.type;
    if (this.forbidden.includes(plural) || this.forbidden.includes('*')) throw denied(call, process);
    const [refused] = this.statusFaults;
    const isStatus = plural === 'canaryreleases' && call.subresource === 'status';
    if (isStatus && refused !== undefined) await this.#fail(refused, call, process);
    const fault = this.#calls.get(name);
    if (fault === undefined || fault === 'crash after' || fault === 'lost') return;
    this.#listener.happened(fault, name, LASTS[fault] ?? 0);
    await this.#fail(fault, call, process);
  }

  async after(name: string, call: Call, process: ProcessClock): Promise<void> {
    const fault = this.#calls.get(name);
    if (fault === 'crash after') {
      this.#listener.happened(fault, name, 0);
      this.#listener.crash(process);
    } else if (fault === 'lost') {
      this.#listener.happened(fault, name, 0);
      throw unanswered(call.type, 'ConnectionFailed');
    }
    await this.#travel();
  }

  watch(type: ResourceType, process: ProcessClock): void {
    if (!this.up) throw unanswered(type, 'ConnectionFailed');
    if (this.forbidden.includes(type.plural) || this.forbidden.includes('*'))
      throw denied({ verb: 'get', type, ref: {} }, process);
  }

  async event(
    type: ResourceType,
    { metadata }: EventObject,
    process: ProcessClock,
    openedAt: number,
  ): Promise<'once' | 'twice' | 'never'> {
    const { from, to } = this.frozen.get(type.plural) ?? { from: 0, to: 0 };
    const left = openedAt <= from ? to - this.#clock.monotonic() : 0;
    if (left > 0) await sleep(this.#clock, left);
    else await this.#travel();
    // A bookmark.
    if (metadata.name === undefined) return 'once';
    const name = this.#name(`event ${type.plural}`);
    this.recorded.push({ name, kind: 'event' });
    const fault = this.#events.get(name);
    if (fault === undefined) return 'once';
    this.#listener.happened(fault, name, 0);
    switch (fault) {
      case 'dropped':
        this.#listener.stale(RELIST_MS);
        return 'never';
      case 'doubled':
        return 'twice';
      case 'late':
        this.#listener.stale(LATE_MS);
        await sleep(this.#clock, LATE_MS);
        return 'once';
      case 'gone':
        throw expired('too old resource version');
      case 'crash':
        this.#listener.crash(process);
        return 'never';
    }
  }

  age(_name: string, { type }: Call): number {
    const age = this.old.get(type.plural) ?? 0;
    this.old.delete(type.plural);
    return age;
  }

  /** The n-th of what has this label. */
  #name(label: string): string {
    const count = (this.#counts.get(label) ?? 0) + 1;
    this.#counts.set(label, count);
    return `${label}#${count}`;
  }

  async #travel(): Promise<void> {
    if (this.#latencyMs === 0) return;
    const ms = Math.floor(this.#dice.next() * (this.#latencyMs + 1));
    if (ms > 0) await sleep(this.#clock, ms);
  }

  async #fail(
    fault: Exclude<CallFault, 'crash after' | 'lost'>,
    call: Call,
    process: ProcessClock,
  ): Promise<void> {
    const { type } = call;
    const name = call.ref.name ?? '';
    switch (fault) {
      case 'crash before':
        this.#listener.crash(process);
        return;
      case 'timeout':
        await sleep(this.#clock, CALL_TIMEOUT_MS);
        throw unanswered(type, 'Timeout');
      case 'late':
        await sleep(this.#clock, LATE_MS);
        return;
      case '409':
        throw conflict(type, name, 'the object has been modified');
      case '422':
        throw invalid(type.group, type.plural, name, [BREAKS_A_RULE]);
      case '429':
        throw failure(429, 'TooManyRequests', 'the server has received too many requests', {
          retryAfterSeconds: 2,
        });
      case '500':
        throw failure(500, 'InternalError', 'etcdserver: leader changed');
      case 'denied':
        throw failure(403, 'Forbidden', 'admission webhook "policy.example.com" denied the request: not now');
    }
  }
}

function unanswered({ plural }: ResourceType, reason: 'Timeout' | 'ConnectionFailed'): ApiError {
  return new ApiError(0, reason, `${plural}: no answer`);
}

function denied(
  { verb, type, ref }: Pick<Call, 'verb' | 'type' | 'ref'>,
  { identity }: ProcessClock,
): ApiError {
  const why = `User "${identity}" cannot ${verb} resource "${type.plural}" in API group "${type.group}"`;
  return forbidden(type, ref.name ?? '', why);
}
