import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { parseFlags } from '../../src/controllers/flags.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFile(join(ROOT, path), 'utf8');

interface Probe {
  httpGet: { path: string; port: string };
}
interface DeploymentManifest {
  kind: string;
  spec: {
    template: {
      spec: {
        containers: {
          args: string[];
          env?: { name: string; valueFrom?: { fieldRef?: { fieldPath: string } } }[];
          ports: { name: string; containerPort: number }[];
          livenessProbe: Probe;
          readinessProbe: Probe;
        }[];
      };
    };
  };
}

async function operatorContainer() {
  const documents = parseAllDocuments(await read('config/deployment.yaml')).map(
    (document) => document.toJS() as DeploymentManifest,
  );
  return documents.find(({ kind }) => kind === 'Deployment')!.spec.template.spec.containers[0]!;
}

describe('the operator as config/ runs it', () => {
  it('understands its flags, and serves on the ports that are declared and probed', async () => {
    const { args, ports, livenessProbe, readinessProbe } = await operatorContainer();
    const portOf = (name: string) => ports.find((port) => port.name === name)?.containerPort;

    expect(parseFlags(args)).toMatchObject({
      metricsAddress: `0.0.0.0:${portOf('http-metrics')!}`,
      healthAddress: `0.0.0.0:${portOf(livenessProbe.httpGet.port)!}`,
      leaderElect: true,
      leaderElectionNamespace: 'songbird-system',
    });
    expect(livenessProbe.httpGet).toEqual({ path: '/healthz', port: readinessProbe.httpGet.port });
    expect(readinessProbe.httpGet.path).toBe('/readyz');
  });

  it('understands the flag of config/dashboard, and serves it on the port of its Service', async () => {
    const { args } = await operatorContainer();
    const component = parse(await read('config/dashboard/kustomization.yaml')) as {
      patches: { patch: string }[];
    };
    const service = parse(await read('config/dashboard/service.yaml')) as {
      spec: { ports: { targetPort: string }[] };
    };
    const [flag, port] = parse(component.patches[0]!.patch) as [
      { value: string },
      { value: { name: string; containerPort: number } },
    ];
    expect(parseFlags([...args, flag.value])).toMatchObject({
      dashboardAddress: `0.0.0.0:${port.value.containerPort}`,
    });
    expect(service.spec.ports[0]?.targetPort).toBe(port.value.name);
  });

  it('knows its pod, whose last run has ended when it starts again', async () => {
    const { env = [] } = await operatorContainer();
    expect(env).toContainEqual({ name: 'POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } });
  });

  it('is the version of package.json, on the Node that it is tested with', async () => {
    const { version, devDependencies } = JSON.parse(await read('package.json')) as {
      version: string;
      devDependencies: { node: string };
    };

    expect(await read('config/kustomization.yaml')).toContain(`newTag: ${version}\n`);
    const dockerfile = await read('Dockerfile');
    expect(/^ARG NODE_IMAGE=node:(\S+)-slim$/m.exec(dockerfile)?.[1]).toBe(devDependencies.node);
    const bases = [...dockerfile.matchAll(/^FROM (?:--platform=\S+ )?(\S+)/gm)].map(([, base]) => base);
    expect(bases).toEqual(['${NODE_IMAGE}', '${NODE_IMAGE}']);
  });

  it('is made of packages that run on every architecture, and that nothing needs to be built for', async () => {
    const { packages } = JSON.parse(await read('package-lock.json')) as { packages: Record<string, Locked> };
    const own = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true);
    const bound = own.filter(([, { os, cpu, hasInstallScript }]) => os ?? cpu ?? hasInstallScript);
    expect(own.length).toBeGreaterThan(20);
    expect(bound.map(([path]) => path)).toEqual([]);
  });
});

/** A package in package-lock.json. */
interface Locked {
  readonly dev?: boolean;
  readonly os?: string[];
  readonly cpu?: string[];
  readonly hasInstallScript?: boolean;
}

describe('the example of the README', () => {
  it('has fewer than 30 lines', async () => {
    expect((await read('examples/reviews.yaml')).trimEnd().split('\n').length).toBeLessThan(30);
  });
});
