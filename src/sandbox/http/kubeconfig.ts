import { writeFile } from 'node:fs/promises';

/**
 * Writes a kubeconfig for the HTTP face at `url`, readable by its owner alone. kubectl reads it through KUBECONFIG.
 * @throws Error where the file can't be written
 */
export async function writeKubeconfig(path: string, url: string): Promise<void> {
  const name = 'songbird-sandbox';
  // JSON is YAML too.
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: url } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
    'current-context': name,
  };
  await writeFile(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
}
