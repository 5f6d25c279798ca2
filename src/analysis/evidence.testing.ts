import { addInterval } from './evidence.ts';
import type { EventEvidence, EventInterval } from './evidence.ts';
import { defaultSettings } from './settings.ts';
import type { EventSettings } from './settings.ts';

export const settings: EventSettings = { ...defaultSettings('errors'), limit: 0.01 };

export function add(state: EventEvidence, ...intervals: readonly EventInterval[]): EventEvidence {
  return intervals.reduce((sum, interval) => addInterval(sum, interval, settings), state);
}

/** One second with so many requests and bad ones of each side. */
export function second(candidate: number, bad: number, stable: number, stableBad: number): EventInterval {
  return { candidate: { all: candidate, bad }, stable: { all: stable, bad: stableBad }, seconds: 1 };
}

export const repeat = (times: number, interval: EventInterval) =>
  Array.from({ length: times }, () => interval);
