import {
  ARG_EXAMPLES,
  ARG_PATTERNS,
  type ArgSpec,
  type CanaryRelease,
  type Problem,
  type SecretKeyRef,
  type TemplateRef,
  exactMs,
} from '../../api/index.ts';
import type { Scope, Value } from './placeholders.ts';

/** One of the two revisions of a release. */
export interface Side {
  readonly revision: string;
  /** Name of its Deployment; of stable's, that of the fresh baseline that stands for it. */
  readonly workload: string;
  /** Value of its pods' `version` label. */
  readonly version: string;
}

/** A key of a Secret, as far as it was read. */
export type SecretValue =
  | { readonly text: string }
  | { readonly problem: Problem }
  /** Nobody needs it yet: any value may be taken for it. */
  | { readonly unneeded: true };

/** What values of arguments can come from. */
export interface Facts {
  readonly release: CanaryRelease;
  readonly candidate: Side;
  readonly stable: Side;
  readonly secret: (ref: SecretKeyRef) => SecretValue;
}

/** The values of a template's arguments by their paths, `args.NAME`, and what is wrong with them. */
export function argumentsOf(
  args: readonly ArgSpec[],
  ref: TemplateRef,
  field: string,
  facts: Facts,
): { scope: Scope; problems: Problem[] } {
  const problems: Problem[] = [];
  const scope: Record<string, Value> = {};
  const template = `${ref.kind} ${ref.name}`;
  for (const name of Object.keys(ref.args ?? {})) {
    if (args.some((arg) => arg.name === name)) continue;
    const known = args.length === 0 ? 'it has none' : `it has ${args.map((arg) => arg.name).join(', ')}`;
    problems.push({
      reason: 'ArgumentInvalid',
      message: `${field}.args.${name} is no argument of ${template}: ${known}`,
    });
  }
  for (const arg of args) {
    const found = valueOfArgument(arg, ref, field, facts);
    if ('reason' in found) problems.push(found);
    else scope[`args.${arg.name}`] = found;
  }
  return { scope, problems };
}

function valueOfArgument(arg: ArgSpec, ref: TemplateRef, field: string, facts: Facts): Value | Problem {
  const template = `${ref.kind} ${ref.name}`;
  const given = ref.args !== undefined && Object.hasOwn(ref.args, arg.name) ? ref.args[arg.name] : undefined;
  if (given !== undefined) return typed(arg, given, `${field}.args.${arg.name}`, template);
  if (arg.default !== undefined) return typed(arg, arg.default, `the default of ${arg.name}`, template);
  const { valueFrom } = arg;
  if (valueFrom?.secretKeyRef !== undefined) {
    const secret = facts.secret(valueFrom.secretKeyRef);
    if ('problem' in secret) {
      const message = `argument ${arg.name} of ${template}: ${secret.problem.message}`;
      return { reason: secret.problem.reason, message };
    }
    if ('unneeded' in secret) return { text: '', type: arg.type, secret: true };
    const value = typed(arg, secret.text, `the value of ${arg.name} in its Secret`, template, 'secret');
    return 'reason' in value ? value : { ...value, secret: true };
  }
  if (valueFrom?.revision !== undefined) {
    return typed(arg, facts[valueFrom.revision].revision, `the ${valueFrom.revision} revision`, template);
  }
  if (valueFrom?.field !== undefined) {
    const text = fieldOf(facts.release, valueFrom.field);
    if (text !== undefined) return typed(arg, text, valueFrom.field, template);
    return {
      reason: 'ArgumentMissing',
      message: `${valueFrom.field} is not set, and ${template} takes its argument ${arg.name} from there: set it, or give ${field}.args.${arg.name}`,
    };
  }
  return {
    reason: 'ArgumentMissing',
    message: `${field}.args.${arg.name} is missing, and ${template} needs it: give it ${ARG_EXAMPLES[arg.type]}`,
  };
}

/** The value when it fits the type. */
function typed(
  arg: ArgSpec,
  text: string,
  from: string,
  template: string,
  shown?: 'secret',
): Value | Problem {
  const wanted = ARG_PATTERNS[arg.type].test(text) ? wantedFor(arg.type, text) : ARG_EXAMPLES[arg.type];
  if (wanted === undefined) return { text, type: arg.type };
  const what = shown === 'secret' ? '' : `, not ${JSON.stringify(text.slice(0, 60))}`;
  return {
    reason: 'ArgumentInvalid',
    message: `${from} must be ${wanted}${what}: ${template} has ${arg.name} as a ${arg.type}`,
  };
}

/** What is wanted instead of a value that queries and expressions could not tell from zero or infinity. */
function wantedFor(type: ArgSpec['type'], text: string): string | undefined {
  if (type === 'duration' && exactMs(text) < 1) return 'a length of time of at least 1ms, such as 90s';
  if (type === 'number' && !Number.isFinite(Number(text))) return 'a number within 1e308, such as 0.5';
  return undefined;
}

/** A field of the release by its path; undefined where it is not set. */
function fieldOf({ metadata, spec }: CanaryRelease, path: string): string | undefined {
  const [, map, key] = /^metadata[.](labels|annotations)\['(.*)'\]$/.exec(path) ?? [];
  if (map === 'labels' || map === 'annotations') {
    const entries = metadata[map];
    return entries !== undefined && key !== undefined && Object.hasOwn(entries, key)
      ? entries[key]
      : undefined;
  }
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'spec.version':
      return spec.version;
    case 'spec.service.name':
      return spec.service.name;
    case 'spec.service.port':
      return String(spec.service.port);
    default:
      return undefined;
  }
}
