import { gunzipSync, gzipSync } from 'node:zlib';

/** Whoever may write annotations must not fill the memory of whoever reads them (bytes). */
const MOST_BYTES = 1 << 20;

/** JSON as text for an annotation: gzip in base64. */
export function packJson(value: unknown): string {
  return gzipSync(JSON.stringify(value)).toString('base64');
}

/** What {@link packJson} was given; undefined for anything else, and for what is more than 1 MiB. */
export function unpackJson(text: string): unknown {
  try {
    const json = gunzipSync(Buffer.from(text, 'base64'), { maxOutputLength: MOST_BYTES });
    return JSON.parse(json.toString());
  } catch {
    return undefined;
  }
}
