import { KubeConfig } from '@kubernetes/client-node';
import { HttpApiClient } from '../kube/client.ts';
import type { Cluster, Where } from './shell.ts';
import { UsageError } from './usage.ts';

/** So long an answer of the API server may take (ms). */
const TIMEOUT_MS = 15_000;

/**
 * Reaches the cluster that kubectl would reach.
 *
 * @throws UsageError that says what is wrong with the kubeconfig
 */
export function connect({ kubeconfig, context, namespace }: Where): Cluster {
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      `the kubeconfig${kubeconfig === undefined ? '' : ` ${kubeconfig}`} cannot be read: ${why}`,
    );
  }
  if (context !== undefined) {
    const known = config.getContexts().map(({ name }) => name);
    if (!known.includes(context))
      throw new UsageError(
        `there is no context ${context} in the kubeconfig; it has ${known.join(', ') || 'none'}`,
      );
    config.setCurrentContext(context);
  }
  if (config.getCurrentCluster() === null)
    throw new UsageError('no cluster is chosen: kubectl config use-context NAME, or --context NAME');
  const current = config.getContextObject(config.getCurrentContext());
  return {
    client: new HttpApiClient(config, { timeoutMs: TIMEOUT_MS, userAgent: 'kubectl-songbird' }),
    namespace: namespace ?? current?.namespace ?? 'default',
  };
}
