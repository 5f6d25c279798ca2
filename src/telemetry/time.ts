/** The time that passes, as far as sources need it. */
export interface Time {
  /** Milliseconds of a clock that never jumps. */
  monotonic(): number;
  /** Calls back after so many milliseconds, unless it is cancelled before. */
  after(ms: number, callback: () => void): { cancel(): void };
}

/** That of this machine. */
export const MACHINE_TIME: Time = {
  monotonic: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return {
      cancel: () => {
        clearTimeout(timer);
      },
    };
  },
};
