import { randomBytes } from 'node:crypto';
import { API_VERSION, type ReleaseCommand, parseCommand } from '../../api/index.ts';
import { type Clock, sleep } from '../../kube/clock.ts';
import { isApiError } from '../../kube/types.ts';
import type { Ordered } from '../wire.ts';
import type { Visitor } from './gate.ts';

/** The operator is waited for so long (ms). */
const LONGEST_MS = 10_000;
const LOOK_MS = 250;

/** What is ordered, as the page says it. */
export interface Order {
  readonly namespace: string;
  readonly release: string;
  readonly action: unknown;
  readonly revision: unknown;
  /** Who orders it, where that is known. */
  readonly by: string | undefined;
}

/** A longer name is cut: the command takes no more letters. */
const LONGEST_NAME = 256;

/** The ReleaseCommand of an order, or what is wrong with it, as sentences. */
export function commandOf({
  namespace,
  release,
  action,
  revision,
  by,
}: Order): ReleaseCommand | { wrong: string } {
  const word = String(action).toLowerCase();
  const suffix = `-${word}-${randomBytes(4).toString('hex')}`;
  // The name of a release may be as long as that of a command.
  const name = `${release.slice(0, 253 - suffix.length)}${suffix}`;
  const command = {
    apiVersion: API_VERSION,
    kind: 'ReleaseCommand',
    metadata: { namespace, name },
    spec: { release, revision, action, ...(by === undefined ? {} : { by: by.slice(0, LONGEST_NAME) }) },
  };
  const parsed = parseCommand(command);
  if (!parsed.ok) return { wrong: parsed.problems.map(({ message }) => message).join('; ') };
  return command as unknown as ReleaseCommand;
}

/** Gives an order as the visitor, and waits until the operator has executed or refused it. @throws ApiError */
export async function giveOrder(
  visitor: Visitor,
  command: ReleaseCommand,
  clock: Clock,
  signal: AbortSignal,
): Promise<Ordered> {
  const { metadata } = await visitor.order(command);
  const { namespace, name } = metadata;
  const until = clock.monotonic() + LONGEST_MS;
  while (!signal.aborted && clock.monotonic() < until) {
    await sleep(clock, LOOK_MS, signal);
    try {
      const { status } = await visitor.ordered({ namespace: namespace ?? '', name });
      if (status?.phase !== undefined) return { phase: status.phase, message: status.message ?? '' };
    } catch (error) {
      if (!isApiError(error)) throw error;
      // It is given; who may not read it, or cannot just now, is told no more than that.
      if (error.code === 403 || error.code === 404) break;
    }
  }
  return {
    phase: undefined,
    message: `ordered by ReleaseCommand ${name}; nobody has said yet what became of it`,
  };
}
