import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Document, parse, parseAllDocuments } from 'yaml';

/** The part of kustomize that config/ uses. */
interface Kustomization {
  readonly resources?: readonly string[];
  readonly images?: readonly Image[];
}

interface Image {
  readonly name: string;
  readonly newName?: string;
  readonly newTag?: string;
}

const UNDERSTOOD = new Set(['apiVersion', 'kind', 'resources', 'images']);

/**
 * All objects of a directory with a kustomization, as `kubectl kustomize` would print them, in the order of its resources and
 * with their comments.
 * @param image replaces the operator's; that of the kustomization when undefined
 * @returns YAML documents
 * @throws Error where the kustomization asks for more than this reads
 */
export async function installManifest(dir: string, image?: string): Promise<string> {
  const documents = await objectsOf(dir);
  if (image !== undefined) {
    for (const document of documents) renameImages(document, () => image);
  }
  return documents.map((document) => `---\n${document.toString({ lineWidth: 0 }).trim()}\n`).join('');
}

async function objectsOf(dir: string): Promise<Document[]> {
  const { resources = [], images = [] } = await kustomizationOf(dir);
  const documents: Document[] = [];
  for (const resource of resources) {
    const path = join(dir, resource);
    if ((await stat(path)).isDirectory()) documents.push(...(await objectsOf(path)));
    else documents.push(...parseAllDocuments(await readFile(path, 'utf8')));
  }
  for (const document of documents) {
    for (const error of document.errors) throw error;
    renameImages(document, (name) => renamed(name, images));
  }
  return documents;
}

async function kustomizationOf(dir: string): Promise<Kustomization> {
  for (const name of ['kustomization.yaml', 'Kustomization']) {
    const text = await readFile(join(dir, name), 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const found = parse(text) as Kustomization;
    const unknown = Object.keys(found).filter((key) => !UNDERSTOOD.has(key));
    if (unknown.length > 0) {
      throw new Error(
        `${join(dir, name)} has ${unknown.join(', ')}, which only kustomize understands: use kubectl kustomize`,
      );
    }
    return found;
  }
  throw new Error(`${dir} has no kustomization.yaml`);
}

function renamed(image: string, images: readonly Image[]): string {
  const found = images.find(({ name }) => image === name || image.startsWith(`${name}:`));
  if (found === undefined) return image;
  const { name, newName = name, newTag } = found;
  return newTag === undefined ? newName + image.slice(name.length) : `${newName}:${newTag}`;
}

function renameImages(document: Document, nameOf: (image: string) => string): void {
  if (document.get('kind') !== 'Deployment') return;
  const { spec } = document.toJS() as {
    spec: { template: { spec: { containers: { image: string }[] } } };
  };
  for (const [index, { image }] of spec.template.spec.containers.entries()) {
    document.setIn(['spec', 'template', 'spec', 'containers', index, 'image'], nameOf(image));
  }
}
