import { resolveMetrics } from '../../analysis/templates/resolve.ts';
import {
  API_VERSION,
  type AnalysisTemplateSpec,
  type CanaryRelease,
  type Checked,
  GROUP,
  type Problem,
  parseCommand,
  parsePolicy,
  parseRelease,
  parseTemplate,
} from '../../api/index.ts';
import { crds } from '../../api/crd.ts';
import type { Found } from './documents.ts';
import { unknownFields } from './fields.ts';

const DEFINITIONS = crds();

/** What is wrong with one object. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  /** `CanaryRelease shop/reviews`. */
  readonly object: string;
  readonly message: string;
}

/**
 * What an API server with Songbird's CRDs would refuse, and what the operator would find wrong before a release, as far as
 * the files tell. Objects of others are passed over.
 */
export function findingsIn(all: readonly Found[]): { checked: number; findings: Finding[] } {
  const own = all.filter(({ object }) => String(object['apiVersion']).startsWith(`${GROUP}/`));
  return { checked: own.length, findings: own.flatMap((found) => findingsOf(found, own)) };
}

function findingsOf(found: Found, all: readonly Found[]): Finding[] {
  const { file, object, lineOf } = found;
  const at = (path: readonly (string | number)[], message: string): Finding => ({
    file,
    line: lineOf(path),
    object: titleOf(object),
    message,
  });
  const { kind, apiVersion } = object;
  const schema = DEFINITIONS.find(({ spec }) => spec.names.kind === kind)?.spec.versions[0]?.schema
    .openAPIV3Schema;
  if (schema === undefined || apiVersion !== API_VERSION) {
    const kinds = DEFINITIONS.map(({ spec }) => spec.names.kind);
    return [
      at(
        ['kind'],
        `${String(apiVersion)} has no kind ${String(kind)}: ${API_VERSION} has ${kinds.join(', ')}`,
      ),
    ];
  }
  const unknown = unknownFields(object['spec'], schema.properties?.['spec'], ['spec']).map(
    ({ path, meant }) =>
      at(
        path,
        `${textOf(path)}: there is no such field${meant === undefined ? '' : `; did you mean ${meant}?`}`,
      ),
  );
  const problems = problemsOf(named(object), all).map(({ message }) => at(pathIn(message), message));
  return [...unknown, ...problems];
}

/** A name that the API server is to make is one. */
function named(object: Found['object']): Found['object'] {
  const { name, generateName, ...rest } = (object['metadata'] ?? {}) as {
    name?: string;
    generateName?: string;
  };
  const given = name ?? (generateName === undefined ? undefined : `${generateName}xxxxx`);
  return given === undefined ? object : { ...object, metadata: { ...rest, name: given } };
}

function problemsOf(object: Found['object'], all: readonly Found[]): readonly Problem[] {
  switch (object['kind']) {
    case 'CanaryRelease': {
      const parsed = parseRelease(object);
      return parsed.ok
        ? templateProblems({ ...object, ...parsed } as unknown as CanaryRelease, all)
        : parsed.problems;
    }
    case 'ReleaseCommand': {
      const parsed = parseCommand(object);
      return parsed.ok ? [] : parsed.problems;
    }
    case 'NotificationPolicy': {
      const parsed = parsePolicy(object);
      return parsed.ok ? [] : parsed.problems;
    }
    default: {
      const parsed = parseTemplate(object);
      return parsed.ok ? [] : parsed.problems;
    }
  }
}

/** Whether its metrics can be measured, and its templates get their arguments. Templates of other files may be in the cluster. */
function templateProblems(release: CanaryRelease, all: readonly Found[]): readonly Problem[] {
  const side = { revision: 'revision', workload: 'workload', version: 'version' };
  const facts = { release, candidate: side, stable: side, secret: () => ({ unneeded: true }) as const };
  const { problems } = resolveMetrics(facts, (ref) => lookup(ref.kind, ref.name, release, all));
  return problems.filter(({ reason }) => reason !== 'TemplateNotFound');
}

function lookup(
  kind: string,
  name: string,
  { metadata }: CanaryRelease,
  all: readonly Found[],
): Checked<AnalysisTemplateSpec> | undefined {
  const found = all.find(({ object }) => {
    const { name: is, namespace } = (object['metadata'] ?? {}) as { name?: string; namespace?: string };
    const isHere = kind !== 'AnalysisTemplate' || namespace === metadata.namespace;
    return object['kind'] === kind && is === name && isHere;
  });
  return found === undefined ? undefined : parseTemplate(found.object);
}

function titleOf(object: Found['object']): string {
  const { name, generateName, namespace } = (object['metadata'] ?? {}) as Record<string, unknown>;
  const place = typeof namespace === 'string' ? `${namespace}/` : '';
  const given = [name, generateName].find((one) => typeof one === 'string');
  return `${String(object['kind'])} ${place}${given ?? '(without a name)'}`;
}

/** The field that a sentence begins with: `spec.steps[0].weight`. */
function pathIn(sentence: string): (string | number)[] {
  const [field = ''] = /^(spec|metadata)[\w.[\]-]*/.exec(sentence) ?? [];
  return [...field.matchAll(/[\w-]+|\[(\d+)\]/g)].map(([part, index]) =>
    index === undefined ? part : Number(index),
  );
}

function textOf(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}
