import { parseAllDocuments } from 'yaml';
import { API_VERSION, type CanaryReleaseSpec, parseRelease } from '../api/index.ts';
import { isObject } from '../kube/json.ts';
import { contentOf } from './files.ts';
import { UsageError } from './usage.ts';

/** A CanaryRelease of a file, complete with its defaults. */
export interface Manifest {
  readonly name: string;
  readonly namespace: string;
  readonly spec: CanaryReleaseSpec;
}

/**
 * Reads the CanaryRelease of a YAML or JSON file; `-` is standard input. Other objects in the file are passed over.
 * @param name which one, where the file has several
 * @throws UsageError that says what is wrong with the file, or, by the rules of the CRD, with the object
 */
export async function readManifest(file: string, name: string | undefined): Promise<Manifest> {
  const releases = objectsOf(await contentOf(file), file).filter(isRelease);
  const names = releases.map(({ metadata }) => metadata?.name ?? '').join(', ');
  const [release, ...others] = releases.filter(
    ({ metadata }) => name === undefined || metadata?.name === name,
  );
  if (release === undefined) {
    throw new UsageError(
      releases.length === 0
        ? `${file} holds no CanaryRelease of ${API_VERSION}`
        : `${file} holds no CanaryRelease called ${name}; it holds ${names}`,
    );
  }
  if (others.length > 0) throw new UsageError(`${file} holds ${names}: choose one by --release NAME`);
  const parsed = parseRelease(release);
  if (!parsed.ok) {
    const sentences = parsed.problems.map(({ message }) => `  ${message}`).join('\n');
    throw new UsageError(
      `${file}: ${release.metadata?.name ?? 'the CanaryRelease'} cannot work:\n${sentences}`,
    );
  }
  const { name: known = '', namespace = 'default' } = release.metadata ?? {};
  return { name: known, namespace, spec: parsed.spec };
}

interface Named {
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
}

function objectsOf(content: string, file: string): unknown[] {
  return parseAllDocuments(content).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new UsageError(`${file} is no YAML: ${error.message}`);
    const object: unknown = document.toJS();
    const isList = isObject(object) && object['kind'] === 'List' && Array.isArray(object['items']);
    return isList ? object['items'] : [object];
  });
}

function isRelease(object: unknown): object is Named {
  return isObject(object) && object['kind'] === 'CanaryRelease' && object['apiVersion'] === API_VERSION;
}
