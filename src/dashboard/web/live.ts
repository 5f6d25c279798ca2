import type { Told } from '../wire.ts';

/** What a stream's page hears of it. */
export interface Hearing {
  /** It is open, for the first time or again. */
  up(): void;
  /** It has broken; the browser opens it again by itself. */
  down(): void;
  /** It has been refused, and does not come again by itself. */
  refused(): void;
}

/** Listens to the server until it is closed. */
export function listen(
  path: string,
  handlers: { readonly [K in keyof Told]?: (data: Told[K]) => void },
  hearing: Hearing,
): EventSource {
  const source = new EventSource(path);
  for (const [event, handle] of Object.entries(handlers)) {
    source.addEventListener(event, ({ data }: MessageEvent<string>) => {
      (handle as (told: unknown) => void)(JSON.parse(data));
    });
  }
  source.addEventListener('open', () => {
    hearing.up();
  });
  source.addEventListener('error', () => {
    hearing.down();
    if (source.readyState === EventSource.CLOSED) hearing.refused();
  });
  return source;
}

/** An answer of the server, or why there is none. */
export type Answer<T> = { readonly data: T } | { readonly why: string };

/** Asks the server. What it refuses it explains. */
export async function ask<T>(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<Answer<T>> {
  try {
    const response = await fetch(path, {
      method,
      // Another page cannot send this header.
      headers: { 'content-type': 'application/json', 'x-songbird': '1' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const data: unknown = response.status === 204 ? undefined : await response.json();
    return response.ok ? { data: data as T } : { why: (data as { message: string }).message };
  } catch {
    return { why: 'the dashboard does not answer' };
  }
}
