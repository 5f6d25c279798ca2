import { Deadline } from '../kube/deadline.ts';
import type { Shell } from './shell.ts';

/**
 * Does what waits for something, for so long (ms) at most.
 *
 * @param act is to end when the signal aborts: the time is over, or the person wants an end
 */
export async function within<T>(
  { clock, stopping }: Pick<Shell, 'clock' | 'stopping'>,
  limitMs: number,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new Deadline(clock, stopping);
  deadline.restart(limitMs);
  try {
    return await act(deadline.signal);
  } finally {
    deadline.dispose();
  }
}
