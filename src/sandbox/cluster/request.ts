import type { Json, StatusBody } from '../../kube/types.ts';
import type { Stored } from './object.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

export type PatchKind = 'json' | 'merge' | 'strategic' | 'apply';

/** The query parameters and delete options that the cluster knows. */
export interface RequestOptions {
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  limit?: number | undefined;
  continue?: string | undefined;
  resourceVersion?: string | undefined;
  resourceVersionMatch?: string | undefined;
  timeoutSeconds?: number | undefined;
  allowWatchBookmarks?: boolean | undefined;
  sendInitialEvents?: boolean | undefined;
  fieldManager?: string | undefined;
  force?: boolean | undefined;
  dryRun?: boolean | undefined;
  fieldValidation?: 'Ignore' | 'Warn' | 'Strict' | undefined;
  propagationPolicy?: string | undefined;
  gracePeriodSeconds?: number | undefined;
  preconditions?: { uid?: string; resourceVersion?: string } | undefined;
}

/** One request to the cluster, whichever face it came through. */
export interface ApiRequest {
  readonly verb: Verb;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
  /** Who asks: the client's name in-process, the first part of the User-Agent over HTTP. */
  readonly user: string;
  readonly patchKind?: PatchKind | undefined;
  readonly body?: Json | undefined;
  readonly options: RequestOptions;
}

/** A page of objects. */
export interface ObjectList {
  readonly items: Stored[];
  readonly resourceVersion: string;
  readonly continue?: string | undefined;
  readonly remaining?: number | undefined;
}

/** What a request other than a watch is answered with. Errors are thrown as ApiError. */
export type ApiResult =
  | {
      readonly type: 'object';
      readonly object: Stored;
      readonly created: boolean;
      readonly warnings: string[];
    }
  | { readonly type: 'list'; readonly list: ObjectList }
  | { readonly type: 'status'; readonly status: StatusBody };

/** An event of a watch. */
export type ClusterEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Stored }
  | { readonly type: 'BOOKMARK'; readonly object: Bookmark };

/** Says only how far a watch has got. */
export interface Bookmark {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly resourceVersion: string; readonly annotations?: Record<string, string> };
}

/**
 * Sees every request of every face, and can delay it (by the promise that it returns) or fail it (by throwing an
 * ApiError). The cluster's own controllers are not intercepted.
 */
export interface Interceptor {
  /** Before the request is executed. */
  before?(request: ApiRequest): void | Promise<void>;
  /** After it was executed and before the client hears of it: throwing here loses the answer of a done write. */
  after?(request: ApiRequest, result: ApiResult): void | Promise<void>;
  /** For each event on its way to a watching client. `drop` loses it; throwing ends the watch with that error. */
  event?(request: ApiRequest, event: ClusterEvent): EventFate | Promise<EventFate>;
}

export type EventFate = 'deliver' | 'drop';
