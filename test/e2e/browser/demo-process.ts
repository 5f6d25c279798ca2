import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { KubeConfig } from '@kubernetes/client-node';
import { HttpApiClient } from '../../../src/kube/client.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { readShop, shopRelease } from '../../../src/sandbox/demo/manifests.ts';
import { CANARY_RELEASES } from '../../../src/sandbox/demo/release-watch.ts';
import { answers } from './http.ts';
import { eventually } from './scenario.ts';

const SRC = join(import.meta.dirname, '../../../src');
const RELEASE = { namespace: 'demo', name: 'shop' };

/** The demo as people start it, left up afterwards. */
export interface Demo {
  /** Of its dashboard. */
  readonly url: string;
  readonly kubeconfig: string;
  readonly client: HttpApiClient;
  /** Applies a version of its release that is good. */
  apply(version: string): Promise<void>;
  /** Deletes its release. */
  remove(): Promise<void>;
  /** Ctrl-C. @returns the exit status */
  end(): Promise<number | null>;
}

interface Line {
  readonly event?: string;
  readonly url?: string;
  readonly kubeconfig?: string;
}

/** Resolves as soon as its dashboard answers. */
export async function startDemo(): Promise<Demo> {
  const child = spawn(process.execPath, [join(SRC, 'sandbox/demo/main.ts'), '--json', '--keep'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  // Whatever ends the test ends the demo.
  const kill = () => child.kill('SIGINT');
  process.once('exit', kill);
  const end = async () => {
    process.off('exit', kill);
    child.kill('SIGINT');
    return (await ended)[0];
  };
  try {
    const said: Line[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => said.push(JSON.parse(line) as Line));
    const saidOf = (event: string) =>
      eventually(
        `the demo says ${event}`,
        async () => said.find((line) => line.event === event),
        (line) => line !== undefined,
      );
    const [first, started] = [await saidOf('dashboard'), await saidOf('started')];
    const { url = '' } = first ?? {};
    const { kubeconfig = '' } = started ?? {};
    await answers(url);
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const client = new HttpApiClient(config, { clock: systemClock, userAgent: 'browser-test' });
    return {
      url,
      kubeconfig,
      client,
      apply: async (version) => {
        const release = shopRelease(await readShop(), version);
        await client.patch(CANARY_RELEASES, RELEASE, 'apply', release, { fieldManager: 'demo', force: true });
      },
      remove: () => client.delete(CANARY_RELEASES, RELEASE),
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** A dashboard of one's own beside it, on a port that is given. */
export async function startDashboard(
  kubeconfig: string,
  port: number,
): Promise<{ url: string; pid: number; kill: () => Promise<void> }> {
  const args = [join(SRC, 'cli/main.ts'), 'dashboard', '--port', String(port)];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, KUBECONFIG: kubeconfig },
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  const url = `http://127.0.0.1:${port}/`;
  const kill = async () => {
    process.off('exit', end);
    end();
    await ended;
  };
  try {
    await answers(url);
  } catch (error) {
    await kill();
    throw error;
  }
  return { url, pid: child.pid ?? 0, kill };
}
