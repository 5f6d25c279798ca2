import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../kube/clock.ts';
import { isApiError, type KubeObject } from '../../kube/types.ts';
import * as kinds from '../../kube/well-known.ts';
import { Cluster, type InProcessClient } from '../index.ts';
import { type Container, listeningPort, type Pod } from '../mesh/objects.ts';
import type { Sidecar } from '../mesh/sidecar.ts';
import type { ContainerStatus } from './container.ts';
import { NodeAgent } from './node-agent.ts';

interface RunningPod extends Pod {
  status: NonNullable<Pod['status']> & { containerStatuses?: ContainerStatus[] };
}

const REF = { namespace: 'default', name: 'shop-1' };

let cluster: Cluster;
let client: InProcessClient;
let agent: NodeAgent;
let sidecars: Map<string, Sidecar>;
let faults: unknown[];

beforeEach(async () => {
  cluster = new Cluster({ kubelet: 'external' });
  client = cluster.client();
  sidecars = new Map();
  faults = [];
  agent = new NodeAgent({
    client: cluster.client({ user: 'kubelet' }),
    clock: systemClock,
    nodeName: 'laptop',
    sidecars,
    drainMs: 200,
    onError: (error) => faults.push(error),
  });
  await agent.start();
});

afterEach(async () => {
  await agent.close();
  cluster.stop();
  expect(faults).toEqual([]);
});

async function createPod(container: Partial<Container>, name = REF.name): Promise<void> {
  const metadata = { name, namespace: REF.namespace, labels: { app: 'shop' } };
  const containers = [{ name: 'app', image: 'demo-app:v7', ...container }];
  await client.create<Pod>(kinds.pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers } });
}

function read(): Promise<RunningPod> {
  return client.get<RunningPod>(kinds.pods, REF);
}

async function becomes(holds: (pod: RunningPod) => void): Promise<RunningPod> {
  let seen = await read();
  await vi.waitFor(
    async () => {
      seen = await read();
      holds(seen);
    },
    { timeout: 15_000, interval: 20 },
  );
  return seen;
}

function condition(pod: RunningPod, type: string): string | undefined {
  return pod.status.conditions?.find((one) => one.type === type)?.status;
}

function stateOf(pod: RunningPod): ContainerStatus['state'] {
  return pod.status.containerStatuses?.[0]?.state ?? {};
}

describe('a pod whose image is known', () => {
  test('runs on the node, answers at the port that its annotation tells, and has its own statistics', async () => {
    await createPod({ ports: [{ name: 'http', containerPort: 9000 }] });
    const pod = await becomes((one) => {
      expect(condition(one, 'Ready')).toBe('True');
    });
    expect(pod.spec?.nodeName).toBe('laptop');
    expect(pod.status).toMatchObject({ phase: 'Running', podIP: '127.0.0.1' });
    const answer = await fetch(`http://127.0.0.1:${listeningPort(pod, 9000) ?? 0}/`);
    expect(answer.headers.get('x-version')).toBe('v7');
    const statsPort = Number(pod.metadata.annotations?.['songbird.dev/stats-port']);
    expect(statsPort).toBe(sidecars.get(pod.metadata.uid ?? '')?.statsPort);
    const stats = await fetch(`http://127.0.0.1:${statsPort}/stats/prometheus`);
    expect(await stats.text()).toContain('istio_build');
  });

  test('becomes ready when its readiness probe says so, not before', async () => {
    await createPod({
      env: [{ name: 'READY_AFTER_MS', value: '1500' }],
      ports: [{ name: 'http', containerPort: 8080 }],
      readinessProbe: { httpGet: { path: '/readyz', port: 'http' }, periodSeconds: 1 },
    });
    const running = await becomes((pod) => {
      expect(stateOf(pod).running).toBeDefined();
    });
    expect([running.status.phase, condition(running, 'Ready')]).toEqual(['Running', 'False']);
    await becomes((pod) => {
      expect(condition(pod, 'Ready')).toBe('True');
    });
  });

  test('a deletion lets it answer on for a while; then it is gone, with its statistics', async () => {
    await createPod({});
    const pod = await becomes((one) => {
      expect(condition(one, 'Ready')).toBe('True');
    });
    const url = `http://127.0.0.1:${listeningPort(pod, 8080) ?? 0}/`;
    await client.delete(kinds.pods, REF);
    expect((await fetch(url)).status).toBe(200);
    await vi.waitFor(() => expect(read()).rejects.toSatisfy((error) => isApiError(error, 404)));
    await vi.waitFor(() => {
      expect(sidecars.size).toBe(0);
    });
    await expect(fetch(url)).rejects.toThrow();
  });

  test('takes its environment from ConfigMaps and Secrets, and waits for those that are missing', async () => {
    await createPod({
      envFrom: [{ prefix: 'X_', configMapRef: { name: 'none', optional: true } }],
      env: [
        { name: 'VERSION', valueFrom: { configMapKeyRef: { name: 'settings', key: 'version' } } },
        { name: 'HOSTNAME', valueFrom: { secretKeyRef: { name: 'names', key: 'pod' } } },
      ],
    });
    const waiting = await becomes((pod) => {
      expect(stateOf(pod).waiting?.reason).toBe('CreateContainerConfigError');
    });
    expect(stateOf(waiting).waiting?.message).toBe('configmap "settings" not found');
    const create = (kind: string, name: string, data: object) =>
      client.create<KubeObject>(kind === 'Secret' ? kinds.secrets : kinds.configMaps, {
        apiVersion: 'v1',
        kind,
        metadata: { name, namespace: REF.namespace },
        ...{ data },
      });
    await create('Secret', 'names', { pod: Buffer.from('secret-name').toString('base64') });
    await create('ConfigMap', 'settings', { version: 'from-config' });
    const pod = await becomes((one) => {
      expect(condition(one, 'Ready')).toBe('True');
    });
    const answer = await fetch(`http://127.0.0.1:${listeningPort(pod, 8080) ?? 0}/`);
    expect(await answer.json()).toEqual({ version: 'from-config', pod: 'secret-name' });
  });
});

describe('a pod that does not run', () => {
  test('an unknown image is not pulled, and the message tells which are there', async () => {
    await createPod({ image: 'nginx:1.29' });
    const pod = await becomes((one) => {
      expect(stateOf(one).waiting?.reason).toBe('ImagePullBackOff');
    });
    expect(stateOf(pod).waiting?.message).toMatch(/^Back-off pulling image "nginx:1.29": .*demo-app/);
    expect([pod.status.phase, condition(pod, 'Ready')]).toEqual(['Pending', 'False']);
  });

  test('one that crashes is restarted, with a pause', async () => {
    await createPod({ env: [{ name: 'CRASH_AFTER_MS', value: '100' }] });
    const crashed = await becomes((pod) => {
      expect(stateOf(pod).waiting?.reason).toBe('CrashLoopBackOff');
    });
    expect(condition(crashed, 'Ready')).toBe('False');
    expect(crashed.status.containerStatuses?.[0]?.lastState?.terminated?.exitCode).toBe(1);
    await becomes((pod) => {
      expect(pod.status.containerStatuses?.[0]?.restartCount).toBeGreaterThan(0);
    });
  });

  test('a setting that is no number crashes it, and the last state says which', async () => {
    await createPod({ env: [{ name: 'ERROR_RATE', value: 'lots' }] });
    const pod = await becomes((one) => {
      expect(stateOf(one).waiting?.reason).toBe('CrashLoopBackOff');
    });
    expect(pod.status.containerStatuses?.[0]?.lastState?.terminated?.message).toMatch(/ERROR_RATE is lots/);
  });

  test('its deletion ends it all the same', async () => {
    await createPod({ image: 'nginx' });
    await becomes((pod) => {
      expect(stateOf(pod).waiting).toBeDefined();
    });
    await client.delete(kinds.pods, REF);
    await vi.waitFor(() => expect(read()).rejects.toSatisfy((error) => isApiError(error, 404)));
  });
});
