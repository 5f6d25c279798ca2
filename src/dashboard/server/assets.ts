import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';

/** A file of the page, as a browser takes it. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  /** Names the content: a browser that has it need not take it again. */
  readonly etag: string;
}

const WEB = new URL('../web/', import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  ts: 'text/javascript; charset=utf-8',
};

/**
 * The files of the page by their paths; `/` is the page itself. They are sent as they lie here, TypeScript without its types:
 * there is no build.
 */
export async function readAssets(): Promise<ReadonlyMap<string, Asset>> {
  const names = (await readdir(WEB)).filter((name) => TYPES[endOf(name)] !== undefined && !/test/.test(name));
  const assets = await Promise.all(
    names.map(async (name): Promise<[string, Asset]> => {
      const text = await readFile(new URL(name, WEB), 'utf8');
      const body = Buffer.from(endOf(name) === 'ts' ? stripTypeScriptTypes(text) : text);
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
      const path = name === 'index.html' ? '/' : `/assets/${name}`;
      return [path, { type: TYPES[endOf(name)] ?? '', body, etag }];
    }),
  );
  return new Map(assets);
}

function endOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
