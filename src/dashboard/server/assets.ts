import { createHash } from 'node:crypto';
import { readWebFiles } from './web-files.ts';

/** A file of the page, as a browser takes it. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  /** Names the content: a browser that has it need not take it again. */
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  ts: 'text/javascript; charset=utf-8',
};

/** The files of the page by their paths; `/` is the page itself. */
export async function readAssets(): Promise<ReadonlyMap<string, Asset>> {
  const files = Object.entries(await readWebFiles());
  return new Map(
    files.map(([name, text]) => {
      const type = TYPES[name.slice(name.lastIndexOf('.') + 1)];
      if (type === undefined) throw new Error(`nobody knows the type of ${name} in src/dashboard/web`);
      const body = Buffer.from(text);
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
      return [name === 'index.html' ? '/' : `/assets/${name}`, { type, body, etag }];
    }),
  );
}
