import type { KubeObject, ListOptions, ObjectRef, ResourceType } from '../../kube/types.ts';
import { type ApiClient, isApiError } from '../../kube/types.ts';

/** What a look at one part of the cluster found. */
export interface Check {
  /** `unknown`: it could not be looked at. */
  readonly state: 'good' | 'bad' | 'unknown';
  readonly sentence: string;
  /** What to do; where nothing is bad, undefined. */
  readonly mend?: string | undefined;
}

export const good = (sentence: string): Check => ({ state: 'good', sentence });
export const bad = (sentence: string, mend: string): Check => ({ state: 'bad', sentence, mend });
export const unknown = (sentence: string): Check => ({ state: 'unknown', sentence });

/** An object, nothing where there is none, or why nobody can tell. */
export type Looked<T> = { readonly found: T | undefined } | { readonly denied: string };

/** Looks at an object. @throws ApiError where the API server does not answer */
export async function look<T extends KubeObject>(
  client: ApiClient,
  type: ResourceType,
  ref: ObjectRef,
): Promise<Looked<T>> {
  return looked(() => client.get<T>(type, ref));
}

/** Looks at objects. @throws ApiError where the API server does not answer */
export async function lookAll<T extends KubeObject>(
  client: ApiClient,
  type: ResourceType,
  options: ListOptions,
): Promise<Looked<readonly T[]>> {
  return looked(async () => (await client.list<T>(type, options)).items);
}

async function looked<T>(ask: () => Promise<T>): Promise<Looked<T>> {
  try {
    return { found: await ask() };
  } catch (error) {
    if (isApiError(error, 404)) return { found: undefined };
    if (isApiError(error, 403)) return { denied: error.message };
    throw error;
  }
}
