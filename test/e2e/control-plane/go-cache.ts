import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** What is missing on this machine, and how to mend it: a message for people. */
export class MissingTools extends Error {
  override readonly name = 'MissingTools';
}

export type Log = (line: string) => void;

/** For people. */
export const toStderr: Log = (line) => {
  process.stderr.write(`${line}\n`);
};

const STALE_LOCK_MS = 60_000;

function cacheRoot(): string {
  const own = process.env['SONGBIRD_CACHE'];
  if (own !== undefined && own !== '') return own;
  const xdg = process.env['XDG_CACHE_HOME'];
  return join(xdg === undefined || xdg === '' ? join(homedir(), '.cache') : xdg, 'songbird');
}

/** Something made by Go that is kept in the cache. */
export interface Build {
  /** The directory of the go.mod whose pinned versions it is made of. */
  readonly source: string;
  readonly name: string;
  readonly log: Log;
  /** What else would do, where Go is missing: the end of a sentence. */
  readonly instead?: string;
  /** Puts it into a new directory. */
  readonly fill: (into: string) => Promise<void>;
}

/**
 * Fills `NAME-HASH` in the cache unless it is there; of several processes at once one does it, the others wait.
 * @returns the directory
 * @throws MissingTools when it is not there and there is no Go
 */
export async function builtOnce({ source, name, log, instead = '', fill }: Build): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) hash.update(await readFile(join(source, file)));
  const dir = join(cacheRoot(), `${name}-${hash.digest('hex').slice(0, 16)}`);
  if (await exists(dir)) return dir;
  await requireGo(source, dir, instead);
  await mkdir(cacheRoot(), { recursive: true });
  const unlock = await lock(`${dir}.lock`, log);
  try {
    if (await exists(dir)) return dir;
    const partial = `${dir}.partial`;
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial);
    await fill(partial);
    await rename(partial, dir);
    return dir;
  } finally {
    await unlock();
  }
}

async function requireGo(source: string, dir: string, instead: string): Promise<void> {
  try {
    await go(source, ['version']);
  } catch (error) {
    throw new MissingTools(
      `${dir} does not exist and there is no Go to build it with (go version: ${messageOf(error)}). ` +
        `Install Go 1.21 or newer (https://go.dev/dl)${instead}.`,
    );
  }
}

/** Runs Go in a directory. @returns what it printed @throws Error with the end of what it said */
export function go(source: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('go', [...args], {
      cwd: source,
      env: { ...process.env, CGO_ENABLED: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(out);
      else reject(new Error(`go ${args.join(' ')} ended with ${code ?? 'a signal'}:\n${err.slice(-4000)}`));
    });
  });
}

/** A directory is the lock; its owner touches it, so that a lock whose owner was killed goes stale. */
async function lock(path: string, log: Log): Promise<() => Promise<void>> {
  const owner = join(path, 'owner');
  for (let said = false; ; said = true) {
    try {
      await mkdir(path);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const touched = await stat(owner).catch(() => stat(path).catch(() => undefined));
    if (touched !== undefined && Date.now() - touched.mtimeMs > STALE_LOCK_MS) {
      log(`Taking over ${path}: its owner has not touched it for a minute.`);
      await rm(path, { recursive: true, force: true });
      continue;
    }
    if (!said) log(`Another process is filling the cache (${path}); waiting for it.`);
    await delay(500);
  }
  const touch = () => writeFile(owner, String(process.pid));
  await touch();
  const timer = setInterval(() => {
    touch().catch((error: unknown) => {
      log(`Cannot keep ${path}: ${messageOf(error)}`);
    });
  }, STALE_LOCK_MS / 4);
  return async () => {
    clearInterval(timer);
    await rm(owner, { force: true });
    await rmdir(path).catch(() => undefined);
  };
}

export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
