import type { Json } from '../../../kube/types.ts';
import {
  duplicateValue,
  type FieldError,
  forbiddenField,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from '../errors.ts';
import { nameFaults } from '../names.ts';
import {
  at,
  equal,
  isStored,
  listOf,
  numberOf,
  objectOf,
  textOf,
  without,
  type JsonObject,
  type Stored,
} from '../object.ts';
import type { Rules } from '../resource.ts';

const DEFAULT_TOLERATIONS = ['not-ready', 'unreachable'].map((taint) => ({
  key: `node.kubernetes.io/${taint}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 300,
}));
const POLICIES = ['Always', 'IfNotPresent', 'Never'];

/** A pod spec with the defaults that depend on other fields of it. */
export function completePodSpec(spec: JsonObject): JsonObject {
  const account = textOf(spec['serviceAccountName']) || textOf(spec['serviceAccount']);
  const completed: JsonObject = { ...spec };
  if (account !== '') Object.assign(completed, { serviceAccountName: account, serviceAccount: account });
  for (const field of ['containers', 'initContainers']) {
    const containers = spec[field];
    if (!Array.isArray(containers)) continue;
    completed[field] = containers.map((container) => {
      const { imagePullPolicy, image } = objectOf(container);
      if (imagePullPolicy !== undefined) return container;
      return { ...objectOf(container), imagePullPolicy: pullPolicy(textOf(image)) };
    });
  }
  return completed;
}

function pullPolicy(image: string): string {
  const tag = /:([^/@:]+)(@.*)?$/.exec(image)?.[1];
  return image !== '' && !image.includes('@') && (tag === undefined || tag === 'latest')
    ? 'Always'
    : 'IfNotPresent';
}

/** Validates a pod spec as far as a wrong one matters to anything here. */
export function validatePodSpec(spec: JsonObject, field: string): FieldError[] {
  const containers = listOf(spec['containers']).map(objectOf);
  const volumes = new Set(listOf(spec['volumes']).map((volume) => textOf(objectOf(volume)['name'])));
  const errors = containers.length === 0 ? [requiredValue(`${field}.containers`)] : [];
  const seen = new Set<string>();
  for (const [list, items] of [
    ['initContainers', listOf(spec['initContainers']).map(objectOf)],
    ['containers', containers],
  ] as const) {
    items.forEach((container, index) => {
      errors.push(...validateContainer(container, `${field}.${list}[${index}]`, volumes, seen));
    });
  }
  const restart = textOf(spec['restartPolicy']);
  if (restart !== '' && !['Always', 'OnFailure', 'Never'].includes(restart)) {
    errors.push(unsupportedValue(`${field}.restartPolicy`, restart, ['Always', 'OnFailure', 'Never']));
  }
  return errors;
}

function validateContainer(
  container: JsonObject,
  field: string,
  volumes: ReadonlySet<string>,
  seen: Set<string>,
): FieldError[] {
  const name = textOf(container['name']);
  const errors = name === '' ? [requiredValue(`${field}.name`)] : [];
  if (name !== '')
    errors.push(...nameFaults(name, 'label').map((why) => invalidValue(`${field}.name`, name, why)));
  if (seen.has(name)) {
    errors.push(duplicateValue(`${field}.name`, name));
  }
  seen.add(name);
  if (textOf(container['image']) === '') errors.push(requiredValue(`${field}.image`));
  listOf(container['ports']).forEach((item, index) => {
    errors.push(
      ...validatePort(numberOf(objectOf(item)['containerPort']), `${field}.ports[${index}].containerPort`),
    );
  });
  listOf(container['volumeMounts']).forEach((item, index) => {
    const mounted = textOf(objectOf(item)['name']);
    if (!volumes.has(mounted)) {
      errors.push({
        field: `${field}.volumeMounts[${index}].name`,
        reason: 'FieldValueNotFound',
        message: `Not found: ${JSON.stringify(mounted)}`,
      });
    }
  });
  const policy = textOf(container['imagePullPolicy']);
  if (!POLICIES.includes(policy)) errors.push(unsupportedValue(`${field}.imagePullPolicy`, policy, POLICIES));
  return errors;
}

/** Validates the number of a port; 0 counts as absent. */
function validatePort(port: number, field: string): FieldError[] {
  if (port === 0) return [requiredValue(field)];
  return port > 0 && port < 65536
    ? []
    : [invalidValue(field, port, 'must be between 1 and 65535, inclusive')];
}

function qosClass(spec: JsonObject): string {
  const resources = listOf(spec['containers']).map((container) => objectOf(objectOf(container)['resources']));
  if (resources.every(({ requests, limits }) => requests === undefined && limits === undefined))
    return 'BestEffort';
  const guaranteed = resources.every(({ requests, limits }) => {
    const wanted = objectOf(limits);
    return (
      wanted['cpu'] !== undefined &&
      wanted['memory'] !== undefined &&
      (requests === undefined || equal(objectOf(requests)['cpu'], wanted['cpu'])) &&
      (requests === undefined || equal(objectOf(requests)['memory'], wanted['memory']))
    );
  });
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

/** Defaults of a pod that depend on its other fields; a pod of a template doesn't have all of them yet. */
export function completePod(pod: JsonObject): JsonObject {
  const given = objectOf(pod['spec']);
  if (isStored(given)) return pod;
  const spec = completePodSpec(given);
  spec['enableServiceLinks'] ??= true;
  spec['containers'] = listOf(spec['containers']).map(withRequests);
  return { ...pod, spec };
}

// What a container may use at most is what it asks for, unless it says otherwise.
function withRequests(item: Json): Json {
  const container = objectOf(item);
  const { limits, requests, ...others } = objectOf(container['resources']);
  if (limits === undefined) return container;
  return {
    ...container,
    resources: { ...others, limits, requests: { ...objectOf(limits), ...objectOf(requests) } },
  };
}

function preparePod(pod: Stored, old: Stored | undefined): Stored {
  if (old !== undefined) return pod;
  const spec = objectOf(pod['spec']);
  const tolerated = new Set(listOf(spec['tolerations']).map((item) => objectOf(item)['key']));
  return {
    ...pod,
    spec: {
      ...spec,
      preemptionPolicy: spec['preemptionPolicy'] ?? 'PreemptLowerPriority',
      priority: spec['priority'] ?? 0,
      tolerations: [
        ...listOf(spec['tolerations']),
        ...DEFAULT_TOLERATIONS.filter(({ key }) => !tolerated.has(key)),
      ],
    },
    status: { phase: 'Pending', qosClass: qosClass(spec) },
  };
}

// What an update of a pod may change: images, the deadline, tolerations, scheduling gates.
function fixedSpec(pod: Stored): JsonObject {
  const spec = without(
    objectOf(pod['spec']),
    'activeDeadlineSeconds',
    'tolerations',
    'schedulingGates',
    'terminationGracePeriodSeconds',
  );
  for (const field of ['containers', 'initContainers']) {
    if (spec[field] !== undefined) {
      spec[field] = listOf(spec[field]).map((container) => without(objectOf(container), 'image'));
    }
  }
  return spec;
}

/** The rules of pods. */
export const podRules: Partial<Rules> = {
  newGeneration: (after, before) => !equal(after['spec'], before['spec']),
  prepare: preparePod,
  validate: (pod, old) => {
    if (old !== undefined && pod['spec'] === old['spec']) return [];
    const errors = validatePodSpec(objectOf(pod['spec']), 'spec');
    if (old !== undefined && !equal(fixedSpec(pod), fixedSpec(old))) {
      errors.push(
        forbiddenField(
          'spec',
          'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
        ),
      );
    }
    return errors;
  },
  prepareStatus: (sent, old) => {
    const { ownerReferences } = old.metadata;
    const metadata =
      ownerReferences === undefined
        ? without(sent.metadata, 'ownerReferences')
        : { ...sent.metadata, ownerReferences };
    return {
      ...sent,
      spec: old['spec'],
      metadata,
      status: { ...objectOf(sent['status']), qosClass: at(old, 'status', 'qosClass') },
    };
  },
  statusResets: [['spec'], ['metadata', 'deletionTimestamp'], ['metadata', 'ownerReferences']],
  returnsDeleted: true,
  graceSeconds: (pod) => {
    // Nothing runs yet, or nothing runs any more: there is nothing to wait for.
    const phase = textOf(at(pod, 'status', 'phase'));
    const unbound = textOf(at(pod, 'spec', 'nodeName')) === '';
    if (unbound || phase === 'Succeeded' || phase === 'Failed') return 0;
    return numberOf(at(pod, 'spec', 'terminationGracePeriodSeconds'), 30);
  },
  selectable: (pod) => ({
    'spec.nodeName': textOf(at(pod, 'spec', 'nodeName')),
    'spec.restartPolicy': textOf(at(pod, 'spec', 'restartPolicy')),
    'spec.schedulerName': textOf(at(pod, 'spec', 'schedulerName')),
    'spec.serviceAccountName': textOf(at(pod, 'spec', 'serviceAccountName')),
    'spec.hostNetwork': at(pod, 'spec', 'hostNetwork') === true ? 'true' : 'false',
    'status.phase': textOf(at(pod, 'status', 'phase')),
    'status.podIP': textOf(at(pod, 'status', 'podIP')),
    'status.nominatedNodeName': textOf(at(pod, 'status', 'nominatedNodeName')),
  }),
};
