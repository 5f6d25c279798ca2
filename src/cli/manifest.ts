import { readFile } from 'node:fs/promises';
import { text as streamText } from 'node:stream/consumers';
import { parseAllDocuments } from 'yaml';
import { API_VERSION, type CanaryReleaseSpec, parseRelease } from '../api/index.ts';
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

async function contentOf(file: string): Promise<string> {
  try {
    return await (file === '-' ? streamText(process.stdin) : readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function objectsOf(content: string, file: string): unknown[] {
  return parseAllDocuments(content).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new UsageError(`${file} is no YAML: ${error.message}`);
    const object: unknown = document.toJS();
    const isList = isRecord(object) && object['kind'] === 'List' && Array.isArray(object['items']);
    return isList ? object['items'] : [object];
  });
}

function isRelease(object: unknown): object is Named {
  return isRecord(object) && object['kind'] === 'CanaryRelease' && object['apiVersion'] === API_VERSION;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
