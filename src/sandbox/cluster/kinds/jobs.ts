import { type FieldError, invalidValue, requiredValue } from '../errors.ts';
import { at, equal, isStored, objectOf, textOf, type JsonObject, type Stored } from '../object.ts';
import type { Rules } from '../resource.ts';
import { completeWorkload, labelsOf } from './apps-rules.ts';
import { podTemplate } from './apps.ts';
import { validatePodSpec } from './pod-rules.ts';
import {
  type TypeSchema,
  anything,
  conditions,
  flag,
  int,
  labelSelector,
  long,
  optional,
  preset,
  struct,
  text,
  time,
} from './types.ts';

/** Fields of a Job. Nothing here runs it: whoever plays the Job controller writes its status. */
export const jobFields: Readonly<Record<string, TypeSchema>> = {
  spec: {
    ...struct({
      parallelism: optional(int),
      completions: optional(int),
      activeDeadlineSeconds: optional(long),
      podFailurePolicy: anything,
      successPolicy: anything,
      backoffLimit: preset(optional(int), 6),
      backoffLimitPerIndex: optional(int),
      maxFailedIndexes: optional(int),
      selector: labelSelector,
      manualSelector: preset(optional(flag), false),
      template: podTemplate,
      ttlSecondsAfterFinished: optional(int),
      completionMode: preset(optional(text), 'NonIndexed'),
      suspend: preset(optional(flag), false),
      podReplacementPolicy: optional(text),
      managedBy: optional(text),
    }),
    always: true,
  },
  status: {
    ...struct({
      conditions: conditions({ lastProbeTime: time }),
      startTime: time,
      completionTime: time,
      active: int,
      succeeded: int,
      failed: int,
      terminating: optional(int),
      completedIndexes: text,
      failedIndexes: optional(text),
      uncountedTerminatedPods: anything,
      ready: optional(int),
    }),
    always: true,
  },
};

/** Defaults of a Job that depend on other fields. */
export function completeJob(job: JsonObject): JsonObject {
  if (isStored(objectOf(job['spec']))) return job;
  const completed = completeWorkload(job);
  const spec = objectOf(completed['spec']);
  const both =
    spec['completions'] === undefined && spec['parallelism'] === undefined
      ? { completions: 1, parallelism: 1 }
      : { parallelism: spec['parallelism'] ?? 1 };
  const policy = spec['podFailurePolicy'] === undefined ? 'TerminatingOrFailed' : 'Failed';
  return {
    ...completed,
    spec: { ...spec, ...both, podReplacementPolicy: spec['podReplacementPolicy'] ?? policy },
  };
}

/** A new Job gets a selector of its own, and its pods the labels for it. */
function selectOwnPods(job: Stored, old: Stored | undefined): Stored {
  if (old !== undefined) return job;
  const spec = objectOf(job['spec']);
  const { uid = '', name } = job.metadata;
  const template = objectOf(spec['template']);
  const metadata = objectOf(template['metadata']);
  const labels = {
    ...objectOf(metadata['labels']),
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  };
  const selected =
    spec['manualSelector'] === true
      ? spec
      : {
          ...spec,
          selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } },
          template: { ...template, metadata: { ...metadata, labels } },
        };
  // A Job without labels of its own shows those of its pods.
  const own = job.metadata.labels ?? labelsOf(at(selected, 'template', 'metadata', 'labels'));
  return { ...job, metadata: { ...job.metadata, labels: own }, spec: selected, status: {} };
}

function validateJob(job: Stored, old: Stored | undefined): FieldError[] {
  const errors = validatePodSpec(objectOf(at(job, 'spec', 'template', 'spec')), 'spec.template.spec');
  const restart = textOf(at(job, 'spec', 'template', 'spec', 'restartPolicy'));
  if (restart === 'Always') {
    errors.push(requiredValue('spec.template.spec.restartPolicy', 'valid values: "OnFailure", "Never"'));
  }
  if (old === undefined) return errors;
  for (const field of ['completions', 'selector', 'template']) {
    const [before, after] = [at(old, 'spec', field), at(job, 'spec', field)];
    if (!equal(before, after))
      errors.push(invalidValue(`spec.${field}`, after ?? null, 'field is immutable'));
  }
  return errors;
}

/** The rules of Jobs. */
export const jobRules: Partial<Rules> = {
  newGeneration: (after, before) => !equal(after['spec'], before['spec']),
  prepare: selectOwnPods,
  validate: (job, old, subresource) => (subresource === 'status' ? [] : validateJob(job, old)),
};
