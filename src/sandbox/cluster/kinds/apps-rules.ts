import { type FieldError, invalidValue, requiredValue, unsupportedValue } from '../errors.ts';
import { validateAnnotations, validateLabels } from '../names.ts';
import {
  at,
  equal,
  isObject,
  isStored,
  numberOf,
  objectOf,
  textOf,
  type JsonObject,
  type Stored,
} from '../object.ts';
import type { Rules, ScalePaths } from '../resource.ts';
import { labelSelectorOf } from '../selectors.ts';
import { validateRollout } from './deployment-validation.ts';
import { completePodSpec, validatePodSpec } from './pod-rules.ts';

/** Where Deployments and ReplicaSets have what their scale subresource shows. */
export const workloadScale: ScalePaths = {
  specReplicas: ['spec', 'replicas'],
  statusReplicas: ['status', 'replicas'],
  selector: ['spec', 'selector'],
};

/** Defaults of a ReplicaSet, and of a Deployment's template, that depend on other fields. */
export function completeWorkload(workload: JsonObject): JsonObject {
  const spec = objectOf(workload['spec']);
  if (isStored(spec)) return workload;
  const template = objectOf(spec['template']);
  const podSpec = completePodSpec(objectOf(template['spec']));
  return { ...workload, spec: { ...spec, template: { ...template, spec: podSpec } } };
}

/** Defaults of a Deployment that depend on its other fields. */
export function completeDeployment(deployment: JsonObject): JsonObject {
  if (isStored(objectOf(deployment['spec']))) return deployment;
  const completed = completeWorkload(deployment);
  const spec = objectOf(completed['spec']);
  const strategy = objectOf(spec['strategy']);
  if (strategy['type'] !== 'RollingUpdate') return completed;
  const rolling = objectOf(strategy['rollingUpdate']);
  const rollingUpdate = {
    maxUnavailable: rolling['maxUnavailable'] ?? '25%',
    maxSurge: rolling['maxSurge'] ?? '25%',
  };
  return { ...completed, spec: { ...spec, strategy: { type: 'RollingUpdate', rollingUpdate } } };
}

function validateDeployment(deployment: Stored, old: Stored | undefined): FieldError[] {
  if (old !== undefined && deployment['spec'] === old['spec']) return [];
  return [
    ...validateWorkload(deployment),
    ...validateRollout(deployment),
    ...validateSelector(deployment, old),
  ];
}

function validateReplicaSet(set: Stored, old: Stored | undefined): FieldError[] {
  if (old !== undefined && set['spec'] === old['spec']) return [];
  return [...validateWorkload(set), ...validateSelector(set, old)];
}

function validateSelector(workload: Stored, old: Stored | undefined): FieldError[] {
  const selector = at(workload, 'spec', 'selector');
  if (old === undefined || equal(selector, at(old, 'spec', 'selector'))) return [];
  return [invalidValue('spec.selector', selector ?? null, 'field is immutable')];
}

function validateWorkload(workload: Stored): FieldError[] {
  const replicas = numberOf(at(workload, 'spec', 'replicas'));
  const selector = at(workload, 'spec', 'selector');
  const labels = at(workload, 'spec', 'template', 'metadata', 'labels');
  const errors: FieldError[] = [];
  if (replicas < 0)
    errors.push(invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0'));
  if (!isObject(selector)) {
    errors.push(requiredValue('spec.selector'));
  } else {
    errors.push(...validateLabels(objectOf(selector['matchLabels']), 'spec.selector.matchLabels'));
    if (Object.keys(selector).length === 0) {
      errors.push(invalidValue('spec.selector', {}, 'empty selector is invalid for deployment'));
    }
  }
  const matches = isObject(selector) && labelSelectorOf(selector)(labelsOf(labels));
  if (!matches) {
    errors.push(
      invalidValue(
        'spec.template.metadata.labels',
        labels ?? null,
        '`selector` does not match template `labels`',
      ),
    );
  }
  errors.push(...validateLabels(objectOf(labels), 'spec.template.labels'));
  const annotations = objectOf(at(workload, 'spec', 'template', 'metadata', 'annotations'));
  errors.push(...validateAnnotations(annotations, 'spec.template.annotations'));
  errors.push(...validatePodSpec(objectOf(at(workload, 'spec', 'template', 'spec')), 'spec.template.spec'));
  const restart = textOf(at(workload, 'spec', 'template', 'spec', 'restartPolicy'));
  if (restart !== 'Always')
    errors.push(unsupportedValue('spec.template.spec.restartPolicy', restart, ['Always']));
  return errors;
}

/** The labels of a JSON value, as strings. */
export function labelsOf(value: unknown): Record<string, string> {
  const labels: Record<string, string> = {};
  if (!isObject(value)) return labels;
  for (const [key, label] of Object.entries(value)) if (typeof label === 'string') labels[key] = label;
  return labels;
}

// A write to /status may change annotations, finalizers and owners too, but not labels.
function prepareWorkloadStatus(sent: Stored, old: Stored): Stored {
  const { labels } = old.metadata;
  const metadata = { ...sent.metadata };
  if (labels === undefined) delete metadata.labels;
  else metadata.labels = labels;
  return { ...sent, metadata, spec: old['spec'] };
}

/** The rules of Deployments. */
export const deploymentRules: Partial<Rules> = {
  // A change of annotations is a new generation of a Deployment, unlike of any other kind.
  newGeneration: (after, before) =>
    !equal(after['spec'], before['spec']) || !equal(after.metadata.annotations, before.metadata.annotations),
  prepare: (deployment, old) => (old === undefined ? { ...deployment, status: {} } : deployment),
  validate: validateDeployment,
  prepareStatus: prepareWorkloadStatus,
};

/** The rules of ReplicaSets. */
export const replicaSetRules: Partial<Rules> = {
  newGeneration: (after, before) => !equal(after['spec'], before['spec']),
  prepare: (replicaSet, old) => (old === undefined ? { ...replicaSet, status: { replicas: 0 } } : replicaSet),
  validate: validateReplicaSet,
  prepareStatus: prepareWorkloadStatus,
};
