import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import type { CanaryReleaseObject } from '../../api/index.ts';
import type { KubeObject } from '../../kube/types.ts';

const REPOSITORY = new URL('../../../', import.meta.url);
const OWN = new URL('./manifests/', import.meta.url);

/** The folder of the repository. */
export const ROOT = fileURLToPath(REPOSITORY);

/** The release's file, as users would write it; `--keep` names it. */
export const SHOP_FILE = fileURLToPath(new URL('shop.yaml', OWN));

/** Songbird's CRDs as they are installed in production, and Istio's as far as the demo needs them. */
export async function readCrds(): Promise<KubeObject[]> {
  const folder = new URL('crds/', REPOSITORY);
  const files = (await readdir(folder))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => new URL(name, folder));
  const documents = await Promise.all([...files, new URL('istio-crds.yaml', OWN)].map(readDocuments));
  return documents.flat();
}

async function readDocuments(file: URL): Promise<KubeObject[]> {
  const text = await readFile(file, 'utf8');
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${fileURLToPath(file)}: ${error.message}`);
    return document.toJS() as KubeObject;
  });
}

/** The text of the release's file. */
export function readShop(): Promise<string> {
  return readFile(SHOP_FILE, 'utf8');
}

/** The demo's release in one version, from the text of its file; an error rate makes it a bad one. */
export function shopRelease(manifest: string, version: string, errorRate = 0): ShopRelease {
  const release = parse(manifest.replaceAll(/v1$/gm, version)) as ShopRelease;
  if (errorRate > 0) {
    for (const container of release.spec.template.spec.containers) {
      container.env = [{ name: 'ERROR_RATE', value: String(errorRate) }];
    }
  }
  return release;
}

/** The fields of it that the demo itself looks at. */
export interface ShopRelease extends CanaryReleaseObject {
  spec: {
    steps: { weight: number }[];
    template: { spec: { containers: { env?: { name: string; value: string }[] }[] } };
  };
}
