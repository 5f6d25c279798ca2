import { GenericContainer, Network, StartupCheckStrategy, getContainerRuntimeClient } from 'testcontainers';
import type { StartedNetwork, StartedTestContainer } from 'testcontainers';
import type { ServerAccess } from './access.ts';
import { messageOf } from './build.ts';
import type { Log } from './build.ts';
import { accessOf } from './kubeconfig.ts';

/**
 * A cluster in one container of kind's node image, made as kind 0.32 makes it (its docker provider and its kubeadm
 * configuration), by testcontainers, whose reaper removes it even when this process is killed. There are no CNI, no DNS
 * and no kube-proxy, for no pod ever runs on its node: that one stays NotReady, and tainted for it.
 *
 * Never tried: no container engine was at hand when this was written. What has been tried is everything else: this kubeadm
 * configuration was accepted by kubeadm 1.36, and its certificates and administrator's kubeconfig, with a real API server,
 * controller manager and scheduler, served the scenarios through the bridge.
 */

const VERSION = 'v1.36.1';
const DIGEST = 'sha256:3489c7674813ba5d8b1a9977baea8a6e553784dab7b84759d1014dbd78f7ebd5';
const PORT = 6443;
const BOOT_MS = 60_000;
const CONFIGURATION = '/kind/kubeadm.conf';
const ADMIN = '/etc/kubernetes/admin.conf';

type Docker = Parameters<StartupCheckStrategy['checkStartupState']>[0];

export interface Kind {
  /** An administrator's access, by the published port. */
  readonly access: ServerAccess;
  /** Removes container, volume and network. */
  stop(): Promise<void>;
}

/** Why no container can be started here, in the container client's words; undefined when an engine answers. */
export async function whyNoEngine(): Promise<string | undefined> {
  try {
    await getContainerRuntimeClient();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * Starts a cluster; resolves when its API server has been made by kubeadm, which waits for it to be healthy.
 * @throws with the output of kubeadm when that fails
 */
export async function startKind(log: Log): Promise<Kind> {
  const { host } = (await getContainerRuntimeClient()).info.containerRuntime;
  log(`kind tier: starting kindest/node:${VERSION}, fetched first where it is not there.`);
  let network: StartedNetwork | undefined;
  let container: StartedTestContainer | undefined;
  const stop = async () => {
    await container?.stop();
    await network?.stop();
  };
  try {
    network = await new Network().start();
    container = await new KindNode(host).withNetwork(network).start();
    await run(container, ['kubeadm', 'init', `--config=${CONFIGURATION}`, '--skip-token-print']);
    const kubeconfig = await run(container, ['cat', ADMIN]);
    const access = await accessOf(ADMIN, (config) => {
      config.loadFromString(kubeconfig);
    });
    const url = `https://${container.getHost()}:${container.getMappedPort(PORT)}`;
    return { access: { ...access, url }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function run(container: StartedTestContainer, command: string[]): Promise<string> {
  const { exitCode, output, stdout } = await container.exec(command);
  if (exitCode === 0) return stdout;
  throw new Error(
    `${command.join(' ')} in the kind container ended with ${exitCode}:\n${output.slice(-8000)}`,
  );
}

/** The container, with what kind gives its nodes. Where testcontainers has no method for that, it goes into the request. */
class KindNode extends GenericContainer {
  /** `engineHost` is where the engine publishes ports. */
  constructor(engineHost: string) {
    super(`kindest/node:${VERSION}@${DIGEST}`);
    this.withHostname('songbird-e2e')
      .withPrivilegedMode()
      .withSecurityOpt('seccomp=unconfined', 'apparmor=unconfined')
      .withTmpFs({ '/tmp': '', '/run': '' })
      .withBindMounts([{ source: '/lib/modules', target: '/lib/modules', mode: 'ro' }])
      .withExposedPorts(PORT)
      .withCopyContentToContainer([{ content: kubeadmConfiguration(), target: CONFIGURATION }])
      .withWaitStrategy(new Booted().withStartupTimeout(BOOT_MS));
    // systemd tells only a terminal that it is up.
    Object.assign(this.createOpts, { Tty: true, Volumes: { '/var': {} } });
    Object.assign(this.hostConfig, { CgroupnsMode: 'private', Init: false });
    // A port is published to everybody unless told otherwise; of an engine on another machine it has to be.
    if (['localhost', '127.0.0.1', '::1'].includes(engineHost)) {
      this.hostConfig.PortBindings = { [`${PORT}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: '0' }] };
    }
  }
}

/**
 * Waits until systemd is up, as its console tells. Asking it by exec, which is simpler, would break the boot: where cgroups
 * are v2, a process that joins too early stands in the way of setting them up. With a terminal the log has no frames, so
 * testcontainers' own waiting for a line of it would not find any.
 */
class Booted extends StartupCheckStrategy {
  override async checkStartupState(docker: Docker, id: string): Promise<'PENDING' | 'SUCCESS' | 'FAIL'> {
    const container = docker.getContainer(id);
    if (!(await container.inspect()).State.Running) return 'FAIL';
    const log = await container.logs({ stdout: true, stderr: true, follow: false });
    return /Reached target .*Multi-User System|detected cgroup v1/.test(log.toString())
      ? 'SUCCESS'
      : 'PENDING';
  }
}

/** JSON documents, which every reader of YAML takes. */
function kubeadmConfiguration(): string {
  const cluster = {
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'ClusterConfiguration',
    // Without it kubeadm would ask the internet which one is the latest.
    kubernetesVersion: VERSION,
    clusterName: 'songbird-e2e',
    apiServer: { certSANs: ['localhost', '127.0.0.1'] },
  };
  const init = {
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'InitConfiguration',
    nodeRegistration: { criSocket: 'unix:///run/containerd/containerd.sock' },
    // The checks would pull images that the node has already, and find fault with a container.
    skipPhases: ['preflight', 'addon/coredns', 'addon/kube-proxy'],
  };
  const kubelet = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    cgroupDriver: 'systemd',
    cgroupRoot: '/kubelet',
    failSwapOn: false,
    // The disk it sees is the host's, which is not its to keep free.
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'nodefs.available': '0%', 'nodefs.inodesFree': '0%', 'imagefs.available': '0%' },
  };
  return [cluster, init, kubelet].map((document) => JSON.stringify(document)).join('\n---\n');
}
