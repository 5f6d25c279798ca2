import type { KubeObject } from './types.ts';

/** An Event as it is read: others than {@link EventRecorder} may have written it, in an older form. */
export interface ReadEvent extends KubeObject {
  readonly type?: string;
  readonly reason?: string;
  readonly note?: string;
  readonly eventTime?: string | null;
  readonly deprecatedLastTimestamp?: string;
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
}

/** When it happened, the last time where it happened often (RFC 3339); empty where nothing says so. */
export function eventTimeOf(event: ReadEvent): string {
  const { series, eventTime, deprecatedLastTimestamp, metadata } = event;
  return series?.lastObservedTime ?? eventTime ?? deprecatedLastTimestamp ?? metadata.creationTimestamp ?? '';
}
