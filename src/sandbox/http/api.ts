import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse as parseYaml } from 'yaml';
import { ApiError, type Json } from '../../kube/types.ts';
import type { Cluster } from '../cluster/cluster.ts';
import {
  badRequest,
  forbiddenField,
  methodNotAllowed,
  noSuchResource,
  notAcceptable,
  requiredValue,
  unsupportedMediaType,
} from '../cluster/errors.ts';
import { without, type Stored } from '../cluster/object.ts';
import type { ApiRequest, ApiResult, ObjectList } from '../cluster/request.ts';
import { groupVersion, type Resource } from '../cluster/resource.ts';
import { publicStatus, sendJson, sendText } from './respond.ts';
import { mediaType, optionsError, optionsOf, parsePath, patchKindOf, type Route, verbOf } from './route.ts';
import { type Included, tableOf, tableRows } from './table.ts';
import { serveWatch } from './watch.ts';

const LARGEST_BODY = 3 * 1024 * 1024;

/**
 * Answers a request to a resource.
 * @throws ApiError
 */
export async function handleApi(
  cluster: Cluster,
  url: URL,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const route = parsePath(url.pathname);
  const resource =
    route === undefined ? undefined : cluster.core.resources.find(route.group, route.version, route.plural);
  if (route === undefined || resource === undefined || !fits(resource, route)) {
    // Groups that the server has built in are answered by another part of it than those of custom resources.
    if (!isBuiltIn(cluster, url.pathname)) {
      sendText(response, 404, '404 page not found\n');
      return;
    }
    throw noSuchResource();
  }
  checkAccept(resource, incoming.headers.accept ?? '');
  const request = await requestOf(resource, route, url, incoming);
  const rows = tableRows(incoming.headers.accept ?? '', url.searchParams);
  if (request.verb === 'watch') await serveWatch(cluster, resource, request, rows, response);
  else send(cluster, resource, request, rows, await cluster.handle(request), response);
}

/** Objects with a namespace are reached through it, others are not. */
function fits({ namespaced }: Resource, { namespace, name }: Route): boolean {
  return namespaced ? namespace !== undefined || name === undefined : namespace === undefined;
}

function isBuiltIn({ core }: Cluster, path: string): boolean {
  const [root, group] = path.split('/').filter((part) => part !== '');
  if (root !== 'apis') return root === 'api';
  return core.resources.all().some((resource) => !resource.custom && resource.group === group);
}

async function requestOf(
  resource: Resource,
  route: Route,
  url: URL,
  incoming: IncomingMessage,
): Promise<ApiRequest> {
  const verb = verbOf(incoming.method ?? 'GET', route, url.searchParams);
  if (verb === undefined) throw methodNotAllowed();
  if (verb === 'create' && route.name !== undefined && route.subresource === undefined)
    throw methodNotAllowed();
  if (resource.namespaced && route.namespace === undefined && verb !== 'list' && verb !== 'watch') {
    throw methodNotAllowed();
  }
  const contentType = incoming.headers['content-type'] ?? '';
  const body = await readBody(resource, incoming, contentType);
  const options = optionsOf(verb, url.searchParams, body);
  const patchKind = verb === 'patch' ? patchKindOf(contentType) : undefined;
  if (verb === 'patch' && patchKind === undefined) {
    throw unsupportedMediaType('415: Unsupported Media Type', {});
  }
  if (verb === 'patch' && patchKind !== 'apply' && options.force === true) {
    throw optionsError(verb, [forbiddenField('force', 'may not be specified for non-apply patch')]);
  }
  if (patchKind === 'apply' && (options.fieldManager ?? '') === '') {
    throw optionsError(verb, [requiredValue('fieldManager', 'is required for apply patch')]);
  }
  return { verb, ...route, user: userOf(incoming), patchKind, body, options };
}

function userOf({ headers }: IncomingMessage): string {
  return (headers['user-agent'] ?? '').split('/')[0] || 'unknown';
}

async function readBody(
  resource: Resource,
  incoming: IncomingMessage,
  contentType: string,
): Promise<Json | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY) {
      throw new ApiError(413, 'RequestEntityTooLarge', 'Request entity too large: limit is 3145728');
    }
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  const text = Buffer.concat(chunks).toString('utf8');
  const type = mediaType(contentType);
  if (type !== '' && !READ.has(type) && incoming.method !== 'PATCH') {
    throw unsupportedMediaType(
      type.includes('protobuf')
        ? 'the sandbox reads JSON and YAML, no protobuf: with kubectl, write a manifest and use apply -f or create -f'
        : `the body of the request was in an unknown format - accepted media types include: ${mediaTypes(resource)}`,
    );
  }
  return type.endsWith('yaml') ? parseAsYaml(text) : parseAsJson(text);
}

const READ = new Set(['application/json', 'application/yaml']);

/** What the real server reads and writes; this one knows no protobuf. */
function mediaTypes({ custom }: Resource): string {
  return `application/json, application/yaml${custom ? '' : ', application/vnd.kubernetes.protobuf'}`;
}

const SHOWN = new Set(['', '*/*', 'application/*', 'application/json', 'application/yaml']);

/** JSON is what this server answers with; it is YAML, too. */
function checkAccept(resource: Resource, accept: string): void {
  const types = accept.split(',').map(mediaType);
  if (types.some((type) => SHOWN.has(type))) return;
  throw notAcceptable(mediaTypes(resource));
}

function parseAsJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw badRequest(
      `the object provided is unrecognized (must be of a known type): couldn't get version/kind; json parse error: ${error.message}`,
    );
  }
}

function parseAsYaml(text: string): Json {
  try {
    return parseYaml(text) as Json;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw badRequest(`error decoding YAML: ${error.message}`);
  }
}

function send(
  cluster: Cluster,
  resource: Resource,
  request: ApiRequest,
  rows: Included | undefined,
  result: ApiResult,
  response: ServerResponse,
): void {
  if (result.type === 'status') {
    sendJson(response, result.status.code, publicStatus(result.status));
    return;
  }
  const now = cluster.core.clock.now();
  if (result.type === 'list') {
    const { list } = result;
    const body =
      rows === undefined ? listBody(resource, list) : tableOf(resource, list.items, now, rows, list);
    sendJson(response, 200, body);
    return;
  }
  const { object, created, warnings } = result;
  const headers: Record<string, string | string[]> =
    warnings.length === 0 ? {} : { Warning: warnings.map((text) => `299 - ${JSON.stringify(text)}`) };
  const asTable = rows !== undefined && request.verb === 'get' && request.subresource === undefined;
  const body = asTable ? tableOf(resource, [object], now, rows) : object;
  sendJson(response, created ? 201 : 200, body, headers);
}

function listBody(resource: Resource, list: ObjectList): unknown {
  return {
    kind: resource.listKind,
    apiVersion: groupVersion(resource),
    metadata: {
      resourceVersion: list.resourceVersion,
      // Lists of custom resources always have it.
      ...(list.continue === undefined && !resource.custom ? {} : { continue: list.continue ?? '' }),
      ...(list.remaining === undefined ? {} : { remainingItemCount: list.remaining }),
    },
    // Items of typed lists say their type only once, at the list.
    items: resource.custom
      ? list.items
      : list.items.map((item: Stored) => without(item, 'kind', 'apiVersion')),
  };
}
