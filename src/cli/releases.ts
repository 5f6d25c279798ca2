import type { CanaryReleaseObject } from '../api/index.ts';
import { canaryReleases } from '../api/resources.ts';
import { isApiError } from '../kube/types.ts';
import type { Cluster } from './shell.ts';
import { UsageError } from './usage.ts';

/** @throws UsageError that names those that are there, where this one is not */
export async function releaseNamed(
  { client, namespace }: Cluster,
  name: string,
): Promise<CanaryReleaseObject> {
  try {
    return await client.get<CanaryReleaseObject>(canaryReleases, { namespace, name });
  } catch (error) {
    if (!isApiError(error, 404)) throw error;
    throw new UsageError(await absence({ client, namespace }, name));
  }
}

/** Why there is no such release: the namespace has others, or none, or the cluster does not know the kind. */
export async function absence({ client, namespace }: Cluster, name: string): Promise<string> {
  try {
    const { items } = await client.list<CanaryReleaseObject>(canaryReleases, { namespace });
    const names = items.map(({ metadata }) => metadata.name);
    return names.length === 0
      ? `there is no CanaryRelease in namespace ${namespace}: choose another one by -n, or see all by kubectl songbird get -A`
      : `there is no CanaryRelease ${name} in namespace ${namespace}; it has ${names.join(', ')}`;
  } catch (error) {
    if (!isApiError(error, 404)) throw error;
    return 'the cluster does not know CanaryReleases: install Songbird first, kubectl apply -k config/';
  }
}

/** The one name on the command line. @throws UsageError */
export function oneName(positionals: readonly string[], command: string): string {
  const [name, ...more] = positionals;
  if (name === undefined) throw new UsageError(`which release? kubectl songbird ${command} NAME`);
  if (more.length > 0) throw new UsageError(`one release at a time, not also ${more.join(', ')}`);
  return nameIn(name);
}

/** A name as kubectl prints it, with its kind, is one, too. */
export function nameIn(text: string): string {
  return text.replace(/^(canaryreleases?|crel)(\.songbird\.dev)?\//, '');
}
