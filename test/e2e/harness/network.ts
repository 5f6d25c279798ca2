import { spawn, spawnSync } from 'node:child_process';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { messageOf } from '../control-plane/build.ts';

/** Pod addresses: an API server refuses loopback ones, so all parts run where this range is local. */
export const POD_RANGE = '10.244.0.0/16';
/** Reserved for the harness itself; pods begin at 10.244.1.0. */
export const NODE_IP = '10.244.0.1';
export const GATEWAY_IP = '10.244.0.2';

const INSIDE = 'SONGBIRD_E2E_NETWORK';
const LIFELINE_FD = 3;
const SET_UP = `ip link set lo up && ip route add local ${POD_RANGE} dev lo`;

/** Why the end-to-end tier cannot run here, as a sentence for people. */
export class CannotRun extends Error {
  override readonly name = 'CannotRun';
}

/** True in the process that {@link enterNetwork} started. */
export function insideNetwork(): boolean {
  return process.env[INSIDE] === '1';
}

/**
 * Runs this script again, with the same arguments, in a network namespace of its own, where the pod range is local and
 * nothing else is reachable; answers its exit status. The namespace has no name and nobody else in it: it is gone with
 * the last process inside, however that ends, and the script inside ends when this process does.
 *
 * Call it first, after installing what needs the internet, and only where {@link insideNetwork} is false. `env` is added to
 * the environment inside.
 * @throws CannotRun where the system doesn't let us
 */
export async function enterNetwork(
  script: string,
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const unshare = findWay();
  const command = `${SET_UP} && exec "$@"`;
  const program = [process.execPath, ...process.execArgv, script, ...process.argv.slice(2)];
  const child = spawn('unshare', [...unshare, 'sh', '-c', command, 'sh', ...program], {
    env: { ...process.env, ...env, [INSIDE]: '1' },
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
  });
  // Ctrl-C reaches the script inside by the terminal; a signal to this process alone must be passed on.
  const ignore = () => undefined;
  const passOn = () => {
    child.kill('SIGTERM');
  };
  process.on('SIGINT', ignore).on('SIGTERM', passOn);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
      });
    });
  } finally {
    process.off('SIGINT', ignore).off('SIGTERM', passOn);
  }
}

/** To be called inside: ends this process when the one outside is gone, even by SIGKILL. */
function endWithParent(): void {
  const lifeline = new Socket({ fd: LIFELINE_FD, readable: true, writable: false });
  lifeline.on('error', () => undefined);
  lifeline.once('close', () => process.exit(130));
  lifeline.resume().unref();
}

/**
 * The life of a script that needs the network namespace: `outside` prepares and answers what {@link enterNetwork} does,
 * `inside` runs in there. Both answer the exit status. Errors are printed, as one sentence where the system is to blame.
 */
export async function acrossNetwork(script: {
  readonly outside: () => Promise<number>;
  readonly inside: () => Promise<number>;
}): Promise<void> {
  try {
    const isInside = insideNetwork();
    if (isInside) endWithParent();
    process.exitCode = await (isInside ? script.inside() : script.outside());
  } catch (error) {
    process.stderr.write(`${error instanceof CannotRun ? error.message : messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

/** The arguments with which `unshare` makes a network namespace here: as root, else with a user namespace. */
function findWay(): string[] {
  if (process.platform !== 'linux') {
    throw new CannotRun(
      `The end-to-end tier needs Linux's network namespaces, and this is ${process.platform}: run it in a Linux machine or container.`,
    );
  }
  for (const tool of ['unshare', 'ip']) {
    if (spawnSync(tool, ['-V'], { stdio: 'ignore' }).error !== undefined) {
      const from = tool === 'ip' ? 'iproute2' : 'util-linux';
      throw new CannotRun(`The end-to-end tier needs the program ${tool}: install ${from}.`);
    }
  }
  const ways = [['--net'], ['--user', '--map-root-user', '--net']];
  const refusals: string[] = [];
  for (const way of ways) {
    const { status, stderr } = spawnSync('unshare', [...way, 'sh', '-c', SET_UP], { encoding: 'utf8' });
    if (status === 0) return way;
    refusals.push(`unshare ${way.join(' ')}: ${stderr.trim()}`);
  }
  throw new CannotRun(
    'The end-to-end tier needs a network namespace of its own, which this system refuses: run it as root ' +
      `(in a container: with CAP_SYS_ADMIN and CAP_NET_ADMIN), or allow user namespaces. ${refusals.join('; ')}`,
  );
}
