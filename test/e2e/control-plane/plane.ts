import { call } from './access.ts';
import type { ServerAccess } from './access.ts';
import { findCrds } from './build.ts';
import type { Binaries, CrdSet, Log } from './build.ts';
import { installCrds } from './crds.ts';

/** `istio`, `gateway-api`, or the path of a YAML file or of a directory of them. */
export type Crds = CrdSet | (string & {});

/** What tests ask of a cluster's control plane, wherever it runs. */
export interface Plane {
  readonly url: string;
  /** An administrator's access (group system:masters, or the like). */
  readonly access: ServerAccess;
  /** Path of the same as a kubeconfig. */
  readonly kubeconfig: string;
  readonly binaries: Binaries;
  /** Holds keys and `*.log`; removed by stop(). */
  readonly dir: string;
  /** Namespaces that were there before: what runs in them is no business of the tests. */
  readonly foreignNamespaces: ReadonlySet<string>;
  /** From here on nobody reaches the API server: connections break, its state stays. */
  stopApiServer(): Promise<void>;
  /** It answers again at the same address, after a stop or without; resolves when it is ready. */
  restartApiServer(): Promise<void>;
  installCrds(crds: readonly Crds[]): Promise<void>;
  /** Writes a kubeconfig for a ServiceAccount that exists, good for an hour, into `dir`; returns its path. */
  kubeconfigAs(namespace: string, serviceAccount: string): Promise<string>;
  /**
   * Takes out of the cluster what the tests have put into it, where it outlives them; to be called while the operator and
   * the nodes still run. Never rejects: what cannot be removed is logged.
   */
  clear(): Promise<void>;
  /** Ends what was started and removes `dir`. May be called twice. */
  stop(): Promise<void>;
}

/** The files and directories that these stand for. @throws MissingTools as {@link findCrds} does */
export async function crdPaths(crds: readonly string[], log?: Log): Promise<string[]> {
  const paths: string[] = [];
  for (const crd of crds) {
    if (crd === 'istio' || crd === 'gateway-api') paths.push(...(await findCrds(crd, log)));
    else paths.push(crd);
  }
  return paths;
}

/** Creates or replaces them, and waits until they are served. */
export async function installCrdSets(access: ServerAccess, crds: readonly Crds[], log?: Log): Promise<void> {
  await installCrds(access, await crdPaths(crds, log));
}

/** Access as a ServiceAccount that exists; its token is good for an hour. */
export async function accessAs(
  access: ServerAccess,
  namespace: string,
  serviceAccount: string,
): Promise<ServerAccess> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
  const { status, body } = await call(access, 'POST', path, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 3600 },
  });
  if (status >= 300) {
    throw new Error(`no token for ServiceAccount ${namespace}/${serviceAccount}: ${JSON.stringify(body)}`);
  }
  // The administrator's certificate must not go along: it would win over the token.
  return { url: access.url, ca: access.ca, token: (body as { status: { token: string } }).status.token };
}
