import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpFailure } from '../http.ts';
import type { Http, HttpAnswer, HttpRequest } from '../http.ts';

/** An HTTP server on a free loopback port, for the length of one test. */
export async function withServer(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  test: (port: number) => Promise<void>,
): Promise<void> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
  try {
    await test(address.port);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** HTTP that asks a function instead of the network; `undefined` is a refused connection. */
export function fakeHttp(respond: (request: HttpRequest) => Partial<HttpAnswer> | undefined): Http {
  return async (request) => {
    // An answer never comes in the same turn of the event loop as its request.
    await Promise.resolve();
    const answer = respond(request);
    if (answer === undefined) throw new HttpFailure('unreachable', 'connect ECONNREFUSED');
    return { status: 200, contentType: 'text/plain', body: '', ...answer };
  };
}
