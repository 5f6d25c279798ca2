import { contains } from './contains.ts';
import { hashOf } from './json.ts';
import type { ApiClient, KubeObject, ResourceType } from './types.ts';

export { contains } from './contains.ts';

/** Carries the hash of the intent that was applied last: it outlives a restart of the operator. */
export const APPLIED_ANNOTATION = 'songbird.dev/applied';

export interface ApplyOptions {
  /** The one name under which we own fields. */
  fieldManager: string;
  /** Takes fields over from other managers; only for objects that are ours. Without it they are a 409 that names them. */
  force?: boolean | undefined;
  /**
   * Refuses to write unless the live object is this one. `uid` forbids to touch or to make a namesake (409 where there
   * is no object, 422 where there is another: that is how API servers answer). `resourceVersion` forbids any change
   * since it was read (409), but alone it does not forbid to create: give the `uid` too.
   */
  preconditions?: { uid?: string | undefined; resourceVersion?: string | undefined } | undefined;
  dryRun?: boolean | undefined;
  urgent?: boolean | undefined;
}

/** Hash of an intent: of everything in it but the annotation that carries the hash. */
export function intentHash(intent: KubeObject): string {
  const { [APPLIED_ANNOTATION]: _, ...annotations } = intent.metadata.annotations ?? {};
  // No annotations and an empty map of them are the same intent.
  const metadata = {
    ...intent.metadata,
    annotations: Object.keys(annotations).length > 0 ? annotations : undefined,
  };
  return hashOf({ ...intent, metadata });
}

/** The intent with its own hash in {@link APPLIED_ANNOTATION}. */
export function withIntentHash<T extends KubeObject>(intent: T): T {
  const annotations = { ...intent.metadata.annotations, [APPLIED_ANNOTATION]: intentHash(intent) };
  return { ...intent, metadata: { ...intent.metadata, annotations } };
}

/**
 * Whether applying the intent would be a write for nothing: it was the last that was applied (so no field of ours is
 * left that it no longer has), and nobody changed a field of it since.
 */
export function isApplied(intent: KubeObject, live: KubeObject | undefined): boolean {
  return (
    live !== undefined &&
    live.metadata.annotations?.[APPLIED_ANNOTATION] === intentHash(intent) &&
    contains(intent, live)
  );
}

/**
 * Server-side apply of a whole intent, which is to be the same set of fields every time: those left out are given up,
 * and removed where nobody else owns them. The hash annotation is added.
 * @returns the live object after the write
 * @throws ApiError 409 for fields that others own; for preconditions that don't hold see {@link ApplyOptions}
 */
export async function applyObject<T extends KubeObject>(
  client: ApiClient,
  type: ResourceType,
  intent: T,
  { preconditions, ...options }: ApplyOptions,
): Promise<T> {
  const { name, namespace } = intent.metadata;
  const hashed = withIntentHash(intent);
  const patch = { ...hashed, metadata: { ...hashed.metadata, ...preconditions } };
  return client.patch<T>(type, { name, namespace }, 'apply', patch, options);
}
