import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CanaryReleaseObject } from '../../src/api/index.ts';
import { canaryReleases } from '../../src/api/resources.ts';
import { customResourceDefinitions, namespaces } from '../../src/kube/well-known.ts';
import { readCrds, readShop, shopRelease } from '../../src/sandbox/demo/manifests.ts';
import { Cluster, type InProcessClient, startHttp, writeKubeconfig } from '../../src/sandbox/index.ts';

const PER_NAMESPACE = 50;

/** An API server with many releases. */
export interface CrowdedCluster {
  readonly kubeconfig: string;
  readonly client: InProcessClient;
  /** Of the releases, as `namespace/name`. */
  readonly keys: readonly string[];
  close(): Promise<void>;
}

/** Starts an API server in memory with so many releases, each with a status as the operator writes it. */
export async function startCrowded(count: number): Promise<CrowdedCluster> {
  const cluster = new Cluster({ seed: 1 });
  const client = cluster.client({ user: 'bench' });
  for (const crd of await readCrds()) await client.create(customResourceDefinitions, crd);
  const template = shopRelease(await readShop(), 'v1');
  const keys: string[] = [];
  for (let index = 0; index < count; index++) {
    const namespace = `team-${String(Math.floor(index / PER_NAMESPACE)).padStart(3, '0')}`;
    const name = `service-${String(index % PER_NAMESPACE).padStart(2, '0')}`;
    if (index % PER_NAMESPACE === 0)
      await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    const object = { ...template, metadata: { namespace, name } };
    const made = await client.create<CanaryReleaseObject>(canaryReleases, object);
    await client.update(canaryReleases, { ...made, status: statusOf(index) }, { subresource: 'status' });
    keys.push(`${namespace}/${name}`);
  }
  const api = await startHttp(cluster);
  const folder = await mkdtemp(join(tmpdir(), 'songbird-bench-'));
  const kubeconfig = join(folder, 'kubeconfig');
  await writeKubeconfig(kubeconfig, api.url);
  return {
    kubeconfig,
    client,
    keys,
    close: async () => {
      await api.close();
      cluster.stop();
      await rm(folder, { recursive: true });
    },
  };
}

/** Most are healthy, one in twenty is going out, one in fifty was rolled back. */
function statusOf(index: number): object {
  const at = new Date(Date.UTC(2026, 0, 1)).toISOString();
  const [stableRevision, candidateRevision] = ['1d84bd2f10', '8680f9475f'];
  const common = { observedGeneration: 1, stableRevision };
  if (index % 50 === 7) {
    const message =
      'errors: 14 of 312 on the candidate, 3 of 3,120 on stable; evidence 2.1e5 passed 100 after 41 s';
    const rejected = { revision: candidateRevision, reason: 'AnalysisFailed', message, at };
    return {
      ...common,
      phase: 'RolledBack',
      message: `revision 8680f9475f was rolled back: ${message}`,
      rejected,
    };
  }
  if (index % 20 === 3) {
    const step = {
      index: 2,
      of: 4,
      weight: 40,
      observedWeight: 40,
      startedAt: at,
      observedAt: at,
      progressAt: at,
    };
    const message = '40% for 5m0s: errors: 0 of 4,331 on the candidate, 3 of 12,120 on stable';
    return { ...common, phase: 'Progressing', message, candidateRevision, step };
  }
  return { ...common, phase: 'Healthy', message: `revision ${stableRevision} serves all traffic` };
}
