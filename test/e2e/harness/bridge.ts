import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerAccess } from '../control-plane/access.ts';

/**
 * The way from the tests' network namespace, where nothing else is reachable, to an API server outside: a Unix socket,
 * which is found by its path and belongs to no network. Bytes pass as they are, so TLS is between the client inside and
 * the server, whose certificate must be valid for 127.0.0.1.
 */

const LOOPBACK = '127.0.0.1';
/** In the namespace nobody else listens, so that the port can always be the same. */
const PORT = 6443;
const ENVIRONMENT = 'SONGBIRD_E2E_BRIDGE';
const SOCKET = 'api-server.sock';
const ACCESS = 'access.json';

export interface Bridge {
  /** What a process inside needs in its environment to find the bridge. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Outside: opens the way to this server. */
export async function openBridge(access: ServerAccess): Promise<Bridge> {
  const url = new URL(access.url);
  const port = url.port === '' ? (url.protocol === 'http:' ? 80 : 443) : Number(url.port);
  // Only this user may enter it: it holds an administrator's keys.
  const dir = await mkdtemp(join(tmpdir(), 'songbird-bridge-'));
  const remove = () => rm(dir, { recursive: true, force: true });
  try {
    await writeFile(join(dir, ACCESS), JSON.stringify(access), { mode: 0o600 });
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const end = await forward({ path: join(dir, SOCKET) }, { host, port });
    return {
      env: { [ENVIRONMENT]: dir },
      close: async () => {
        await end();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Inside: the other end of a bridge. */
export class BridgeHead {
  /** Access by way of the bridge. */
  readonly access: ServerAccess;
  readonly #port: number;
  readonly #socket: string;
  #end: (() => Promise<void>) | undefined;

  private constructor(access: ServerAccess, port: number, socket: string) {
    this.access = access;
    this.#port = port;
    this.#socket = socket;
  }

  /** The bridge that this process was given by its environment, not yet open; undefined when there is none. */
  static async find(
    env: Readonly<Record<string, string | undefined>> = process.env,
    port = PORT,
  ): Promise<BridgeHead | undefined> {
    const dir = env[ENVIRONMENT];
    if (dir === undefined) return undefined;
    const access = JSON.parse(await readFile(join(dir, ACCESS), 'utf8')) as ServerAccess;
    const { protocol, pathname } = new URL(access.url);
    const url = `${protocol}//${LOOPBACK}:${port}${pathname.replace(/\/$/, '')}`;
    return new BridgeHead({ ...access, url }, port, join(dir, SOCKET));
  }

  async open(): Promise<void> {
    this.#end ??= await forward({ host: LOOPBACK, port: this.#port }, { path: this.#socket });
  }

  /** Breaks all connections and refuses new ones. */
  async close(): Promise<void> {
    const end = this.#end;
    this.#end = undefined;
    await end?.();
  }
}

type Address = { path: string } | { host: string; port: number };

/** Passes on what comes to one address to another, both ways; answers the function that ends it and all connections. */
async function forward(from: Address, to: Address): Promise<() => Promise<void>> {
  const open = new Set<Socket>();
  const carry = (a: Socket, b: Socket) => {
    open.add(a);
    // The other side learns of a broken connection by its own breaking; who speaks there reports it.
    a.on('error', () => undefined);
    a.once('close', () => {
      open.delete(a);
      b.destroy();
    });
    a.pipe(b);
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ ...to, allowHalfOpen: true, noDelay: true });
    carry(near, far);
    carry(far, near);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(from, resolve);
  });
  return () =>
    new Promise((resolve) => {
      server.close(() => {
        resolve();
      });
      for (const socket of open) socket.destroy();
    });
}
