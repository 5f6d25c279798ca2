import type { ServerResponse } from 'node:http';
import { ApiError } from '../../kube/types.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { ApiRequest, ClusterEvent } from '../cluster/request.ts';
import type { Resource } from '../cluster/resource.ts';
import { statusOf } from './respond.ts';
import { type Included, tableOf } from './table.ts';

/**
 * Streams a watch as one JSON document a line, until either side ends it. An error after the start is an ERROR event,
 * as from the real server.
 * @throws ApiError where the watch can't begin
 */
export async function serveWatch(
  cluster: Cluster,
  resource: Resource,
  request: ApiRequest,
  rows: Included | undefined,
  response: ServerResponse,
): Promise<void> {
  const abort = new AbortController();
  response.on('close', () => {
    abort.abort();
  });
  const events = cluster.watch(request, abort.signal);
  const shown = (event: ClusterEvent) =>
    rows === undefined ? event : tableEvent(resource, event, rows, cluster.core.clock.now());
  const begin = () => {
    if (response.headersSent) return;
    response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache, private' });
    response.flushHeaders();
  };
  // Selectors and the like fail before the first event; the headers must not wait for that event, though.
  const early = setImmediate(begin);
  try {
    for await (const event of events) {
      begin();
      await write(response, shown(event));
    }
    begin();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code !== 410 && !response.headersSent) throw error;
    begin();
    if (error.code === 0) response.destroy();
    else await write(response, { type: 'ERROR', object: statusOf(error) });
  } finally {
    clearImmediate(early);
  }
  response.end();
}

function tableEvent(resource: Resource, event: ClusterEvent, rows: Included, now: number): unknown {
  if (event.type === 'BOOKMARK') {
    const table = { kind: 'Table', apiVersion: 'meta.k8s.io/v1', columnDefinitions: [], rows: [] };
    return { type: event.type, object: { ...table, metadata: event.object.metadata } };
  }
  return { type: event.type, object: tableOf(resource, [event.object], now, rows) };
}

function write(response: ServerResponse, event: unknown): Promise<void> {
  if (response.writableEnded || response.destroyed) return Promise.resolve();
  if (response.write(`${JSON.stringify(event)}\n`)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
  });
}
