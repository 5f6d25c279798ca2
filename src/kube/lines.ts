const NEWLINE = 0x0a;

/**
 * Splits a stream of bytes into lines of UTF-8 text, without their newline. Characters may be split over chunks, a line
 * may be of any length, and empty lines are skipped. What follows the last newline is dropped: the connection was closed
 * in the middle of a line.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  let parts: Uint8Array[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      parts.push(chunk.subarray(start, end));
      const line = decode(parts);
      parts = [];
      start = end + 1;
      if (line !== '') yield line;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
}

// Decoding whole lines only: a newline byte is never part of a multi-byte character.
function decode(parts: Uint8Array[]): string {
  return Buffer.concat(parts).toString('utf8').trim();
}
