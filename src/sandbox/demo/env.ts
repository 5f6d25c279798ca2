import { type ApiClient, isApiError, type KubeObject } from '../../kube/types.ts';
import { configMaps, secrets } from '../../kube/well-known.ts';
import type { Container, KeyRef, Pod } from '../mesh/objects.ts';

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

/** Something that keeps a container from being made until it is mended, in the kubelet's words. */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError';
}

/**
 * The environment of a container: `env` and `envFrom`, from values, ConfigMaps, Secrets and fields of the pod.
 * @throws ContainerConfigError when a ConfigMap, a Secret or a key of it is missing
 */
export async function environmentOf(
  client: ApiClient,
  pod: Pod,
  container: Container,
): Promise<Record<string, string>> {
  const namespace = pod.metadata.namespace ?? '';
  const env: Record<string, string> = { HOSTNAME: pod.metadata.name };
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const data =
      configMapRef !== undefined
        ? await configMapData(client, namespace, configMapRef)
        : secretRef !== undefined
          ? await secretData(client, namespace, secretRef)
          : {};
    for (const [key, value] of Object.entries(data)) env[prefix + key] = value;
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const { configMapKeyRef, secretKeyRef, fieldRef } = valueFrom ?? {};
    let found = value;
    if (configMapKeyRef !== undefined) {
      const data = await configMapData(client, namespace, configMapKeyRef);
      found = keyOf(data, configMapKeyRef, `ConfigMap ${namespace}/${configMapKeyRef.name}`);
    } else if (secretKeyRef !== undefined) {
      const data = await secretData(client, namespace, secretKeyRef);
      found = keyOf(data, secretKeyRef, `Secret ${namespace}/${secretKeyRef.name}`);
    } else if (fieldRef !== undefined) {
      found = fieldOf(pod, fieldRef.fieldPath);
    }
    if (found !== undefined) env[name] = found;
  }
  return env;
}

async function configMapData(
  client: ApiClient,
  namespace: string,
  { name, optional }: { name: string; optional?: boolean },
): Promise<Record<string, string>> {
  try {
    return (await client.get<ConfigMap>(configMaps, { namespace, name })).data ?? {};
  } catch (error) {
    return absent(error, `configmap "${name}" not found`, optional);
  }
}

async function secretData(
  client: ApiClient,
  namespace: string,
  { name, optional }: { name: string; optional?: boolean },
): Promise<Record<string, string>> {
  try {
    const { data = {} } = await client.get<ConfigMap>(secrets, { namespace, name });
    const decoded = Object.entries(data).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString(),
    ]);
    return Object.fromEntries(decoded) as Record<string, string>;
  } catch (error) {
    return absent(error, `secret "${name}" not found`, optional);
  }
}

function absent(error: unknown, message: string, optional = false): Record<string, string> {
  if (!isApiError(error, 404)) throw error;
  if (optional) return {};
  throw new ContainerConfigError(message);
}

function keyOf(
  data: Record<string, string>,
  { key, optional = false }: KeyRef,
  where: string,
): string | undefined {
  const value = data[key];
  if (value === undefined && !optional)
    throw new ContainerConfigError(`couldn't find key ${key} in ${where}`);
  return value;
}

function fieldOf({ metadata, spec, status }: Pod, path: string): string {
  const [, group, key = ''] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path) ?? [];
  if (group === 'labels') return metadata.labels?.[key] ?? '';
  if (group === 'annotations') return metadata.annotations?.[key] ?? '';
  const fields: Record<string, string | undefined> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'spec.nodeName': spec?.nodeName,
    'status.podIP': status?.podIP ?? '127.0.0.1',
  };
  const value = fields[path];
  if (value === undefined) throw new ContainerConfigError(`the sandbox has no pod field ${path}`);
  return value;
}
