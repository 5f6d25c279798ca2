import { describe, expect, test } from 'vitest';
import { kubeconfigOf } from '../e2e/control-plane/access.ts';
import type { ServerAccess } from '../e2e/control-plane/access.ts';
import { accessOf } from '../e2e/control-plane/kubeconfig.ts';

const byToken: ServerAccess = { url: 'https://127.0.0.1:6443', ca: 'CA', token: 'secret' };
const byCertificate: ServerAccess = { url: 'https://[::1]:6443/k8s', ca: 'CA', cert: 'CERT', key: 'KEY' };

describe('access from a kubeconfig', () => {
  test.each([
    ['a token', byToken],
    ['a client certificate', byCertificate],
  ])('%s comes back as it was written', async (_, access) => {
    expect(await read(kubeconfigOf(access))).toStrictEqual({
      ca: undefined,
      cert: undefined,
      key: undefined,
      token: undefined,
      ...access,
    });
  });

  test.each([
    ['no user that the server would know', {}, 'neither a token nor a client certificate'],
    ['a proxy', { cluster: { 'proxy-url': 'http://proxy:3128' } }, 'has proxy-url'],
    ['another name for TLS', { cluster: { 'tls-server-name': 'kubernetes' } }, 'has tls-server-name'],
    ['no verification', { cluster: { 'insecure-skip-tls-verify': true } }, 'has insecure-skip-tls-verify'],
    ['no current context', { config: { 'current-context': '' } }, 'set current-context'],
  ])('%s is refused, naming what', async (_, change: Change, sentence) => {
    const config = JSON.parse(kubeconfigOf({ ...byToken, token: undefined })) as Kubeconfig;
    Object.assign(config, change.config);
    Object.assign(config.clusters[0]!.cluster, change.cluster);
    await expect(read(JSON.stringify(config))).rejects.toThrow(sentence);
    await expect(read(JSON.stringify(config))).rejects.toThrow('FILE');
  });
});

interface Change {
  config?: object;
  cluster?: object;
}

interface Kubeconfig {
  clusters: { cluster: object }[];
}

function read(text: string): Promise<ServerAccess> {
  return accessOf('FILE', (config) => {
    config.loadFromString(text);
  });
}
