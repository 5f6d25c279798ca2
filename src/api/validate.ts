import { z } from 'zod';
import { type CanaryReleaseSpec, canaryReleaseSpec } from './canary-release.ts';
import type { Problem } from './errors.ts';
import { type AnalysisTemplateSpec, analysisTemplateSpec } from './analysis-template.ts';
import {
  ANALYSIS_TEMPLATE,
  CANARY_RELEASE,
  CLUSTER_ANALYSIS_TEMPLATE,
  type Kind,
  NOTIFICATION_POLICY,
  RELEASE_COMMAND,
} from './kinds.ts';
import {
  type NotificationPolicySpec,
  type NotificationPolicyStatus,
  notificationPolicySpec,
} from './notification-policy.ts';
import { type ReleaseCommandSpec, type ReleaseCommandStatus, releaseCommandSpec } from './release-command.ts';
import { salvageCommandStatus, salvagePolicyStatus, salvageReleaseStatus } from './salvage.ts';
import type { CanaryReleaseStatus } from './status.ts';

/** An object that passed all rules, or what is wrong with it. The status is there either way. */
export type Parsed<Spec, Status> = {
  readonly status: Status;
  /** Fields of status that could not be read, and so count as unset or as their safest value. */
  readonly statusLost: readonly string[];
} & (
  | { readonly ok: true; readonly spec: Spec }
  /** One sentence for each thing wrong; never empty. */
  | { readonly ok: false; readonly problems: readonly Problem[] }
);

/**
 * Checks a CanaryRelease by the same rules as its CRD and fills in the defaults, since the CRD in the cluster may be an
 * older one. Takes anything and never throws.
 */
export function parseRelease(object: unknown): Parsed<CanaryReleaseSpec, CanaryReleaseStatus> {
  const { value, lost } = salvageReleaseStatus(fieldOf(object, 'status'));
  const checked = check(CANARY_RELEASE, canaryReleaseSpec, object);
  return { ...checked, status: value, statusLost: lost };
}

/** The same for a ReleaseCommand. */
export function parseCommand(object: unknown): Parsed<ReleaseCommandSpec, ReleaseCommandStatus> {
  const { value, lost } = salvageCommandStatus(fieldOf(object, 'status'));
  const checked = check(RELEASE_COMMAND, releaseCommandSpec, object);
  return { ...checked, status: value, statusLost: lost };
}

/** The same for a NotificationPolicy. */
export function parsePolicy(object: unknown): Parsed<NotificationPolicySpec, NotificationPolicyStatus> {
  const { value, lost } = salvagePolicyStatus(fieldOf(object, 'status'));
  const checked = check(NOTIFICATION_POLICY, notificationPolicySpec, object);
  return { ...checked, status: value, statusLost: lost };
}

/** The status of a CanaryRelease alone, as far as it can be read. Takes anything and never throws. */
export function statusOfRelease(object: unknown): CanaryReleaseStatus {
  return salvageReleaseStatus(fieldOf(object, 'status')).value;
}

/** Checks an AnalysisTemplate or ClusterAnalysisTemplate; every problem is about a field of the template. */
export function parseTemplate(object: unknown): Checked<AnalysisTemplateSpec> {
  const cluster = fieldOf(object, 'kind') === CLUSTER_ANALYSIS_TEMPLATE.kind;
  return check(cluster ? CLUSTER_ANALYSIS_TEMPLATE : ANALYSIS_TEMPLATE, analysisTemplateSpec, object);
}

export type Checked<Spec> = { ok: true; spec: Spec } | { ok: false; problems: Problem[] };

function check<Spec>(kind: Kind, schema: z.ZodType<Spec>, object: unknown): Checked<Spec> {
  const sentences = nameSentences(kind, fieldOf(object, 'metadata'));
  const spec = fieldOf(object, 'spec');
  if (spec === undefined || spec === null) sentences.push(kind.specMissing);
  else {
    const result = schema.safeParse(spec, { error: sentenceOf });
    if (result.success && sentences.length === 0) return { ok: true, spec: result.data };
    sentences.push(...(result.error?.issues ?? []).map(({ path, message }) => located(path, message)));
  }
  return { ok: false, problems: sentences.map((message) => ({ reason: 'InvalidSpec', message })) };
}

function nameSentences(kind: Kind, metadata: unknown): string[] {
  const name = fieldOf(metadata, 'name');
  if (typeof name !== 'string' || name === '') return ['metadata.name is missing: name the object'];
  return kind.rules.filter((rule) => !rule.check({ metadata: { name } })).map((rule) => rule.message);
}

function fieldOf(object: unknown, name: string): unknown {
  return typeof object === 'object' && object !== null && Object.hasOwn(object, name)
    ? (object as Record<string, unknown>)[name]
    : undefined;
}

/** Puts the field's path before a sentence that doesn't name it. */
function located(path: readonly PropertyKey[], sentence: string): string {
  const field = ['spec', ...path].reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`,
    '',
  );
  if (sentence.startsWith(field)) return sentence;
  return /^(must|is) /.test(sentence) ? `${field} ${sentence}` : `${field}: ${sentence}`;
}

/** Zod's own findings as sentences; rules carry theirs and don't come here. */
function sentenceOf(issue: z.core.$ZodRawIssue): string | undefined {
  const { input } = issue;
  if (input === undefined) return requiredMessage(issue.inst) ?? 'is missing';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${ARTICLED[issue.expected] ?? issue.expected}, not ${shown(input)}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}, not ${shown(input)}`;
    case 'invalid_union':
      return `must be a number or a string, not ${shown(input)}`;
    case 'too_small':
      return `must be at least ${Number(issue.minimum)}${UNITS[issue.origin] ?? ''}, not ${measured(input)}`;
    case 'too_big':
      return `must be at most ${Number(issue.maximum)}${UNITS[issue.origin] ?? ''}, not ${measured(input)}`;
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'invalid_key':
    case 'not_multiple_of':
    case 'unrecognized_keys':
      return undefined;
  }
}

const ARTICLED: Record<string, string> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a string',
};

const UNITS: Record<string, string> = { string: ' characters long', array: ' entries long' };

function requiredMessage(schema: unknown): string | undefined {
  const message = schema instanceof z.ZodType ? schema.meta()?.['requiredMessage'] : undefined;
  return typeof message === 'string' ? message : undefined;
}

function measured(input: unknown): string {
  return typeof input === 'string' || Array.isArray(input) ? String(input.length) : shown(input);
}

function shown(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object' && input !== null) return 'an object';
  const text = typeof input === 'string' ? JSON.stringify(input) : String(input);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
