import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { call, disconnect, kubeconfigOf } from './access.ts';
import type { ServerAccess } from './access.ts';
import { AUDIT_POLICY, readAudit } from './audit.ts';
import type { Written } from './audit.ts';
import { findBinaries, messageOf, MissingTools } from './build.ts';
import type { Binaries, Log } from './build.ts';
import { accessAs, installCrdSets } from './plane.ts';
import type { Crds, Plane } from './plane.ts';
import { Processes, until } from './processes.ts';
import type { Program } from './processes.ts';

export interface ControlPlaneOptions {
  /** Runs kube-controller-manager too (Deployments, garbage collection, ServiceAccounts ...). */
  readonly controllerManager: boolean;
  /** Installed before the call returns. */
  readonly crds?: readonly Crds[];
  /** Admission plugins to switch off, such as `ServiceAccount`, which mounts a token into each pod. */
  readonly disableAdmission?: readonly string[];
  /** Keeps a log of the writes of ServiceAccounts, for {@link ControlPlane.writes}. */
  readonly audit?: boolean;
  /** An address of this host or network namespace to listen on; default 127.0.0.1. */
  readonly address?: string;
  /** Says what is being built or waited for; default stderr. */
  readonly log?: Log;
}

/** A real API server with its etcd, on this machine alone. Its `dir` holds etcd's data, too. */
export interface ControlPlane extends Plane {
  readonly pids: { etcd: number; apiServer: number | undefined; controllerManager: number | undefined };
  /** Compacts etcd's history up to now, so that older continue tokens and resourceVersions expire. */
  compactEtcd(): Promise<void>;
  /** What ServiceAccounts have written so far, or tried to. @throws Error without the option `audit` */
  writes(): Promise<Written[]>;
  /** Access as a ServiceAccount that exists; its token is good for an hour. */
  accessAs(namespace: string, serviceAccount: string): Promise<ServerAccess>;
}

const READY_MS = 120_000;
const SERVICE_RANGE = '10.96.0.0/16';
const ISSUER = 'https://kubernetes.default.svc';
const CONTROLLERS = [
  'clusterrole-aggregation-controller',
  'daemonset-controller',
  'deployment-controller',
  'disruption-controller',
  'endpoints-controller',
  'endpointslice-controller',
  'garbage-collector-controller',
  'job-controller',
  'namespace-controller',
  'pod-garbage-collector-controller',
  'replicaset-controller',
  'resourcequota-controller',
  'serviceaccount-controller',
  'statefulset-controller',
];

/**
 * Starts etcd, kube-apiserver (RBAC on) and, if wanted, kube-controller-manager; resolves when they are ready, about 3 s.
 * There is no scheduler and no kubelet: pods stay Pending until the caller binds them and reports for them.
 * Everything ends with this process, whatever ends it.
 * @throws MissingTools when the programs are neither there nor can be built; Error with the end of the log when one of
 * them doesn't start
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const binaries = await findBinaries(options.log);
  if (options.controllerManager && binaries.controllerManager === undefined) {
    throw new MissingTools(
      'KUBEBUILDER_ASSETS has no kube-controller-manager, which this test needs: add it or unset it.',
    );
  }
  const dir = await mkdtemp(join(tmpdir(), 'songbird-control-plane-'));
  const plane = new LocalControlPlane(dir, binaries, options);
  try {
    await plane.start();
    await plane.installCrds(options.crds ?? []);
    return plane;
  } catch (error) {
    await plane.stop();
    throw error;
  }
}

class LocalControlPlane implements ControlPlane {
  readonly dir: string;
  readonly binaries: Binaries;
  readonly kubeconfig: string;
  readonly foreignNamespaces: ReadonlySet<string> = new Set();
  readonly #options: ControlPlaneOptions;
  readonly #processes: Processes;
  readonly #token = randomBytes(24).toString('hex');
  #ports = { etcd: 0, peer: 0, apiServer: 0 };
  #ca = '';
  #etcd: Program | undefined;
  #apiServer: Program | undefined;
  #controllerManager: Program | undefined;
  #stopping: Promise<void> | undefined;

  constructor(dir: string, binaries: Binaries, options: ControlPlaneOptions) {
    this.dir = dir;
    this.binaries = binaries;
    this.kubeconfig = join(dir, 'admin.kubeconfig');
    this.#options = options;
    this.#processes = new Processes(dir);
  }

  get #address(): string {
    return this.#options.address ?? '127.0.0.1';
  }

  get #auditLog(): string {
    return join(this.dir, 'audit.log');
  }

  get url(): string {
    return `https://${this.#address}:${this.#ports.apiServer}`;
  }

  get access(): ServerAccess {
    return { url: this.url, ca: this.#ca, token: this.#token };
  }

  get pids(): ControlPlane['pids'] {
    return {
      etcd: this.#etcd?.pid ?? 0,
      apiServer: this.#apiServer?.pid,
      controllerManager: this.#controllerManager?.pid,
    };
  }

  async start(): Promise<void> {
    const [etcd, peer, apiServer] = await freePorts(this.#address, 3);
    this.#ports = { etcd: etcd!, peer: peer!, apiServer: apiServer! };
    const keys = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    await this.#write('service-account.pub', keys.publicKey);
    await this.#write('service-account.key', keys.privateKey);
    await this.#write('tokens.csv', `${this.#token},admin,admin,"system:masters"\n`);
    await this.#write('audit-policy.json', JSON.stringify(AUDIT_POLICY));
    await this.#startEtcd();
    await this.#startApiServer();
    await this.#write('admin.kubeconfig', kubeconfigOf(this.access));
    if (this.#options.controllerManager) await this.#startControllerManager();
  }

  async stopApiServer(): Promise<void> {
    const program = this.#apiServer;
    this.#apiServer = undefined;
    // Watches of others keep it from ending by itself for a minute.
    if (program !== undefined) await this.#processes.stop(program, 1_000);
    if (this.#ca !== '') await disconnect(this.access);
  }

  async restartApiServer(): Promise<void> {
    await this.stopApiServer();
    await this.#startApiServer();
    // Its informers wait for up to a minute before they ask a server again that refused them. A controller manager that
    // elects a leader has lost its lease by then, ends, and is started again.
    if (this.#controllerManager === undefined) return;
    await this.#processes.stop(this.#controllerManager, 1_000);
    await this.#startControllerManager();
  }

  async compactEtcd(): Promise<void> {
    const { header } = (await this.#askEtcd('kv/range', { key: 'AA==' })) as { header: { revision: string } };
    await this.#askEtcd('kv/compaction', { revision: header.revision, physical: true });
  }

  writes(): Promise<Written[]> {
    return readAudit(this.#auditLog);
  }

  installCrds(crds: readonly Crds[]): Promise<void> {
    return installCrdSets(this.access, crds, this.#options.log);
  }

  accessAs(namespace: string, serviceAccount: string): Promise<ServerAccess> {
    return accessAs(this.access, namespace, serviceAccount);
  }

  async kubeconfigAs(namespace: string, serviceAccount: string): Promise<string> {
    const access = await this.accessAs(namespace, serviceAccount);
    return this.#write(
      `${namespace}-${serviceAccount}.kubeconfig`,
      kubeconfigOf(access, serviceAccount, namespace),
    );
  }

  /** Nothing here outlives {@link stop}. */
  clear(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      await disconnect(this.access);
      await this.#processes.close();
    })();
    return this.#stopping;
  }

  async #startEtcd(): Promise<void> {
    const client = `http://${this.#address}:${this.#ports.etcd}`;
    const peer = `http://${this.#address}:${this.#ports.peer}`;
    this.#etcd = await this.#processes.start('etcd', this.binaries.etcd, [
      `--data-dir=${join(this.dir, 'etcd')}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      // Nothing here outlives the test: fsync would only slow it down.
      '--unsafe-no-fsync',
    ]);
    await until(this.#etcd, READY_MS, async () => (await fetch(`${client}/health`)).ok);
  }

  async #startApiServer(): Promise<void> {
    const { controllerManager, disableAdmission = [], audit = false } = this.#options;
    // Without the controller that makes each namespace's ServiceAccount, its admission refuses every pod.
    const disabled = controllerManager ? disableAdmission : [...disableAdmission, 'ServiceAccount'];
    const certificates = join(this.dir, 'certificates');
    this.#apiServer = await this.#processes.start('kube-apiserver', this.binaries.apiServer, [
      `--etcd-servers=http://${this.#address}:${this.#ports.etcd}`,
      // Compaction happens when a test asks for it.
      '--etcd-compaction-interval=0',
      `--bind-address=${this.#address}`,
      `--advertise-address=${this.#address}`,
      `--secure-port=${this.#ports.apiServer}`,
      `--cert-dir=${certificates}`,
      // A loopback address is refused as an endpoint of the kubernetes Service.
      '--endpoint-reconciler-type=none',
      `--service-cluster-ip-range=${SERVICE_RANGE}`,
      '--authorization-mode=RBAC',
      `--token-auth-file=${join(this.dir, 'tokens.csv')}`,
      `--service-account-issuer=${ISSUER}`,
      `--service-account-key-file=${join(this.dir, 'service-account.pub')}`,
      `--service-account-signing-key-file=${join(this.dir, 'service-account.key')}`,
      '--allow-privileged=true',
      '--profiling=false',
      '--shutdown-delay-duration=0s',
      ...(audit
        ? [`--audit-policy-file=${join(this.dir, 'audit-policy.json')}`, `--audit-log-path=${this.#auditLog}`]
        : []),
      ...(disabled.length === 0 ? [] : [`--disable-admission-plugins=${disabled.join(',')}`]),
    ]);
    await until(this.#apiServer, READY_MS, async () => {
      this.#ca = await readFile(join(certificates, 'apiserver.crt'), 'utf8');
      return (await call(this.access, 'GET', '/readyz')).status === 200;
    });
  }

  async #startControllerManager(): Promise<void> {
    if (this.binaries.controllerManager === undefined) return;
    this.#controllerManager = await this.#processes.start(
      'kube-controller-manager',
      this.binaries.controllerManager,
      [
        `--kubeconfig=${this.kubeconfig}`,
        '--leader-elect=false',
        '--secure-port=0',
        `--controllers=${CONTROLLERS.join(',')}`,
        `--service-account-private-key-file=${join(this.dir, 'service-account.key')}`,
        `--root-ca-file=${join(this.dir, 'certificates', 'apiserver.crt')}`,
        '--kube-api-qps=200',
        '--kube-api-burst=400',
      ],
    );
    const path = '/api/v1/namespaces/default/serviceaccounts/default';
    await until(
      this.#controllerManager,
      READY_MS,
      async () => (await call(this.access, 'GET', path)).status === 200,
    );
  }

  async #askEtcd(what: string, body: unknown): Promise<unknown> {
    const url = `http://${this.#address}:${this.#ports.etcd}/v3/${what}`;
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok)
      throw new Error(`etcd answered ${response.status} to ${what}: ${await response.text()}`);
    return response.json();
  }

  async #write(name: string, text: string): Promise<string> {
    const path = join(this.dir, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  }
}

/** Ports that were free a moment ago, all different. */
async function freePorts(address: string, count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, address, resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

// Run by itself it keeps a control plane up until it is interrupted: to try things by hand.
if (import.meta.main) {
  try {
    const plane = await startControlPlane({ controllerManager: true, crds: process.argv.slice(2) });
    process.stdout.write(
      `KUBECONFIG=${plane.kubeconfig}\nkubectl: ${plane.binaries.kubectl}\nlogs: ${plane.dir}\n`,
    );
    const interrupted = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        interrupted.abort();
      });
    }
    await delay(2 ** 31 - 1, undefined, { signal: interrupted.signal }).catch(() => undefined);
    await plane.stop();
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
