import { type FieldError, requiredValue } from '../errors.ts';
import { equal, listOf, objectOf, textOf, type Stored } from '../object.ts';
import type { Rules } from '../resource.ts';
import type { Definition } from './define.ts';
import {
  always,
  anything,
  atomic,
  conditions,
  int,
  intOrText,
  labelSelector,
  listOfType,
  long,
  mapOf,
  optional,
  preset,
  struct,
  text,
} from './types.ts';

const rules = listOfType(
  struct({
    verbs: listOfType(text),
    apiGroups: listOfType(text),
    resources: listOfType(text),
    resourceNames: listOfType(text),
    nonResourceURLs: listOfType(text),
  }),
);
const subjects = listOfType(struct({ kind: text, apiGroup: text, name: text, namespace: text }));
const roleRef = atomic(
  struct({ apiGroup: preset(text, 'rbac.authorization.k8s.io'), kind: text, name: text }),
);

function validateRules(role: Stored): FieldError[] {
  return listOf(role['rules']).flatMap((item, index) => {
    const rule = objectOf(item);
    const field = `rules[${index}]`;
    const errors: FieldError[] = [];
    if (listOf(rule['verbs']).length === 0) {
      errors.push(requiredValue(`${field}.verbs`, 'verbs must contain at least one value'));
    }
    if (listOf(rule['nonResourceURLs']).length > 0) return errors;
    if (listOf(rule['apiGroups']).length === 0) {
      errors.push(requiredValue(`${field}.apiGroups`, 'resource rules must supply at least one api group'));
    }
    if (listOf(rule['resources']).length === 0) {
      errors.push(requiredValue(`${field}.resources`, 'resource rules must supply at least one resource'));
    }
    return errors;
  });
}

function validateBinding(binding: Stored, old: Stored | undefined): FieldError[] {
  const errors = listOf(binding['subjects']).flatMap((item, index) => {
    const subject = objectOf(item);
    const field = `subjects[${index}]`;
    return [
      ...(textOf(subject['name']) === '' ? [requiredValue(`${field}.name`)] : []),
      ...(subject['kind'] === 'ServiceAccount' && textOf(subject['namespace']) === ''
        ? [requiredValue(`${field}.namespace`)]
        : []),
    ];
  });
  const ref = objectOf(binding['roleRef']);
  if (textOf(ref['name']) === '') errors.push(requiredValue('roleRef.name'));
  if (old !== undefined && !equal(binding['roleRef'], old['roleRef'])) {
    errors.push({
      field: 'roleRef',
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(ref)}: cannot change roleRef`,
    });
  }
  return errors;
}

const roleRules: Partial<Rules> = { name: 'path', validate: validateRules };
const bindingRules: Partial<Rules> = { name: 'path', validate: validateBinding };

const RBAC = 'rbac.authorization.k8s.io';

/** Kinds that are kept and shown but that nothing in the cluster acts on. */
export const storedOnly: Definition[] = [
  { group: RBAC, plural: 'roles', kind: 'Role', fields: { rules }, rules: roleRules },
  {
    group: RBAC,
    plural: 'rolebindings',
    kind: 'RoleBinding',
    fields: { subjects, roleRef },
    rules: bindingRules,
  },
  {
    group: RBAC,
    plural: 'clusterroles',
    kind: 'ClusterRole',
    clusterScoped: true,
    fields: { rules, aggregationRule: anything },
    rules: roleRules,
  },
  {
    group: RBAC,
    plural: 'clusterrolebindings',
    kind: 'ClusterRoleBinding',
    clusterScoped: true,
    fields: { subjects, roleRef },
    rules: bindingRules,
  },
  {
    plural: 'nodes',
    kind: 'Node',
    shortNames: ['no'],
    clusterScoped: true,
    fields: { spec: always(anything), status: always(anything) },
    subresources: ['status'],
    rules: { prepareStatus: (sent, old) => ({ ...sent, spec: old['spec'] }), statusResets: [['spec']] },
  },
  {
    group: 'autoscaling',
    version: 'v2',
    plural: 'horizontalpodautoscalers',
    kind: 'HorizontalPodAutoscaler',
    shortNames: ['hpa'],
    categories: ['all'],
    fields: {
      spec: always(
        struct({
          scaleTargetRef: always(struct({ kind: text, name: text, apiVersion: text })),
          minReplicas: preset(optional(int), 1),
          maxReplicas: optional(int),
          metrics: listOfType(anything),
          behavior: anything,
        }),
      ),
      status: always(
        struct({
          observedGeneration: optional(long),
          lastScaleTime: text,
          currentReplicas: int,
          desiredReplicas: optional(int),
          currentMetrics: listOfType(anything),
          conditions: conditions(),
        }),
      ),
    },
    subresources: ['status'],
  },
  {
    group: 'policy',
    plural: 'poddisruptionbudgets',
    kind: 'PodDisruptionBudget',
    shortNames: ['pdb'],
    fields: {
      spec: always(
        struct({
          minAvailable: optional(intOrText),
          maxUnavailable: optional(intOrText),
          selector: labelSelector,
          unhealthyPodEvictionPolicy: optional(text),
        }),
      ),
      status: always(
        struct({
          observedGeneration: long,
          disruptedPods: mapOf(text),
          disruptionsAllowed: optional(int),
          currentHealthy: optional(int),
          desiredHealthy: optional(int),
          expectedPods: optional(int),
          conditions: conditions(),
        }),
      ),
    },
    subresources: ['status'],
    rules: { newGeneration: (after, before) => !equal(after['spec'], before['spec']) },
  },
];
