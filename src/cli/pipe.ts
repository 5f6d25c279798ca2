import type { Writable } from 'node:stream';

/** As a shell tells of a program that wrote into a closed pipe: 128 and the number of SIGPIPE. */
const CLOSED_PIPE = 141;

/** Ends the process quietly once nobody reads what it writes, as in `songbird simulate … | head`. */
export function endWithReader(...streams: readonly Writable[]): void {
  for (const stream of streams) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(CLOSED_PIPE);
    });
  }
}
