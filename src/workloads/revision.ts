import { createHash } from 'node:crypto';
import type { CanaryReleaseSpec } from '../api/index.ts';

/** Hex digits of a revision: 40 bits, so that two templates of one workload never meet by chance. */
const LENGTH = 10;

/**
 * The revision of a pod template: a hash of the user's own fields, so that no upgrade of a client library, of Songbird or
 * of the API server's defaults starts a release. A `spec.version` is part of it: it ends up in the pods' labels.
 */
export function revisionOf(spec: Pick<CanaryReleaseSpec, 'template' | 'version'>): string {
  const identity =
    spec.version === undefined ? spec.template : { template: spec.template, version: spec.version };
  return createHash('sha256').update(canonical(identity)).digest('hex').slice(0, LENGTH);
}

/** JSON with the keys of every object in order; absent and undefined are the same. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
