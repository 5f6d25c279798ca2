import type { Clock } from '../../kube/clock.ts';
import type { TelemetryFault } from './plan.ts';

/** What is wrong with a source of counts at present. */
export class ActiveFaults {
  readonly #clock: Clock;
  readonly #isUnseen: (fault: TelemetryFault) => boolean;
  #faults: readonly TelemetryFault[] = [];
  #lastSound = 0;
  #faultyUntil = -Infinity;
  #silentFrom: number | undefined;

  /** @param isUnseen true of a fault that nobody can tell from what the source answers */
  constructor(clock: Clock, isUnseen: (fault: TelemetryFault) => boolean) {
    this.#clock = clock;
    this.#isUnseen = isUnseen;
  }

  begin(fault: TelemetryFault): void {
    this.#lastSound = this.soundThrough;
    this.#faults = [...this.#faults, fault];
    if (SILENT.has(fault)) this.#silentFrom ??= this.#clock.monotonic();
  }

  end(fault: TelemetryFault): void {
    const index = this.#faults.indexOf(fault);
    this.#faults = this.#faults.filter((_, at) => at !== index);
    this.#faultyUntil = this.#clock.monotonic();
    if (!this.#faults.some((one) => SILENT.has(one))) this.#silentFrom = undefined;
  }

  has(fault: TelemetryFault): boolean {
    return this.#faults.includes(fault);
  }

  /** True while a source that comes and goes is away. */
  get isFlappedAway(): boolean {
    return this.has('flapping') && Math.floor(this.#clock.monotonic() / FLAP_MS) % 2 === 0;
  }

  /** The last time (ms) at which the source answered with what was counted, or as nobody can tell from that. */
  get soundThrough(): number {
    return this.#faults.every(this.#isUnseen) ? this.#clock.monotonic() : this.#lastSound;
  }

  /** Since when (ms) the source has told nothing of use; undefined while it does. */
  get silentSince(): number | undefined {
    return this.#silentFrom;
  }

  /** Since when (ms) nothing has been wrong with the source; undefined while something is. */
  get soundSince(): number | undefined {
    return this.#faults.length === 0 ? this.#faultyUntil : undefined;
  }
}

const FLAP_MS = 2000;

/** Nothing of use is answered. */
const SILENT: ReadonlySet<TelemetryFault> = new Set(['down', 'slow', 'empty', 'nonsense']);

/** True for those pods that a fault strikes where it strikes some. */
export function isOfPart(name: string): boolean {
  return name.charCodeAt(name.length - 1) % 2 === 0;
}
