import type { CanaryReleaseObject, ReleaseCommand } from '../../api/index.ts';
import { type KubeObject, keyOf } from '../../kube/types.ts';
import { claimsOf } from '../../workloads/index.ts';
import { releaseOfLabel } from '../informers.ts';
import { type Cache, INDEX } from './caches.ts';

/** The kinds whose changes concern releases. */
export type WatchedKind = 'release' | 'command' | 'labelled' | 'service' | 'gateway';

/**
 * The keys of the releases that a change of this object concerns. Level-triggered: it says where to look, never what
 * happened.
 */
export function keysOf(
  kind: WatchedKind,
  object: KubeObject,
  releases: Cache<CanaryReleaseObject>,
): string[] {
  switch (kind) {
    case 'release':
      return [keyOf(object.metadata), ...rivals(object, releases)];
    case 'command': {
      const { spec } = object as ReleaseCommand;
      return [`${object.metadata.namespace ?? ''}/${spec.release}`];
    }
    case 'labelled':
      return releaseOfLabel(object);
    case 'service':
      return usersOf(object, releases.list(object.metadata.namespace));
    case 'gateway':
      return releases.list().filter(namesGateway(object.metadata.name)).map(keyOfObject);
  }
}

/** When the older of two that claim the same goes, the younger may start. */
function rivals(object: KubeObject, releases: Cache<CanaryReleaseObject>): string[] {
  return claimsOf(object as CanaryReleaseObject)
    .flatMap((claim) => releases.byIndex(INDEX.claim, claim))
    .map(keyOfObject);
}

function usersOf(service: KubeObject, releases: readonly CanaryReleaseObject[]): string[] {
  const { name, namespace } = service.metadata;
  const claims = [`Service ${namespace ?? ''}/${name}`, `host ${namespace ?? ''}/${name} at gateway `];
  return releases
    .filter((release) => claimsOf(release).some((claim) => claims.some((prefix) => claim.startsWith(prefix))))
    .map(keyOfObject);
}

function namesGateway(name: string): (release: CanaryReleaseObject) => boolean {
  return (release) =>
    claimsOf(release).some((claim) => claim.endsWith(`/${name}`) || claim.endsWith(` ${name}`));
}

function keyOfObject(object: KubeObject): string {
  return keyOf(object.metadata);
}
