import type { Json } from '../../../kube/types.ts';
import {
  duplicateValue,
  type FieldError,
  forbiddenField,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from '../errors.ts';
import { configKeyFaults } from '../names.ts';
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
import type { Env, Rules } from '../resource.ts';

/** Every Namespace carries its name as a label. */
export function completeNamespace(namespace: JsonObject): JsonObject {
  const metadata = objectOf(namespace['metadata']);
  const labels = { ...objectOf(metadata['labels']), 'kubernetes.io/metadata.name': metadata['name'] };
  return { ...namespace, metadata: { ...metadata, labels } };
}

/** The rules of Namespaces. */
export const namespaceRules: Partial<Rules> = {
  name: 'label',
  prepare: (namespace, old) =>
    old === undefined
      ? { ...namespace, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } }
      : { ...namespace, spec: old['spec'] },
  prepareDelete: (namespace) => ({
    ...namespace,
    metadata: without(namespace.metadata, 'deletionGracePeriodSeconds'),
    status: { ...objectOf(namespace['status']), phase: 'Terminating' },
  }),
  held: (namespace) => listOf(at(namespace, 'spec', 'finalizers')).length > 0,
  selectable: (namespace) => ({ 'status.phase': textOf(at(namespace, 'status', 'phase')) }),
};

function validateData(object: Stored, old: Stored | undefined): FieldError[] {
  const errors = ['data', 'binaryData'].flatMap((field) =>
    Object.keys(objectOf(object[field])).flatMap((key) =>
      configKeyFaults(key).map((why) => invalidValue(`${field}[${key}]`, key, why)),
    ),
  );
  if (old?.['immutable'] === true) {
    if (object['immutable'] !== true) {
      errors.push(forbiddenField('immutable', 'field is immutable when `immutable` is set'));
    }
    for (const field of ['data', 'binaryData']) {
      if (!equal(object[field], old[field])) {
        errors.push(forbiddenField(field, 'field is immutable when `immutable` is set'));
      }
    }
  }
  return errors;
}

/** The rules of ConfigMaps. */
export const configMapRules: Partial<Rules> = { validate: validateData };

/** `stringData` becomes `data`. */
export function completeSecret(secret: JsonObject): JsonObject {
  const plain = Object.entries(objectOf(secret['stringData']));
  if (plain.length === 0) return without(secret, 'stringData');
  const encoded = plain.map(([key, value]) => [key, Buffer.from(textOf(value)).toString('base64')] as const);
  return {
    ...without(secret, 'stringData'),
    data: { ...objectOf(secret['data']), ...Object.fromEntries(encoded) },
  };
}

/** The rules of Secrets. */
export const secretRules: Partial<Rules> = {
  validate: (secret, old) => {
    const errors = validateData(secret, old);
    if (old !== undefined && secret['type'] !== old['type']) {
      errors.push(invalidValue('type', secret['type'] ?? null, 'field is immutable'));
    }
    return errors;
  },
  selectable: (secret) => ({ type: textOf(secret['type']) }),
};

const SERVICE_TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];

/** Defaults of a Service that depend on its other fields. */
export function completeService(service: JsonObject): JsonObject {
  const spec: JsonObject = { ...objectOf(service['spec']) };
  if (isStored(objectOf(service['spec']))) return service;
  const ports = listOf(spec['ports']).map(objectOf);
  if (ports.length > 0) {
    spec['ports'] = ports.map((port) => ({ ...port, targetPort: port['targetPort'] ?? port['port'] }));
  }
  const type = spec['type'];
  if (type !== 'ExternalName') spec['internalTrafficPolicy'] ??= 'Cluster';
  if (type === 'LoadBalancer' || type === 'NodePort') spec['externalTrafficPolicy'] ??= 'Cluster';
  if (type === 'LoadBalancer') spec['allocateLoadBalancerNodePorts'] ??= true;
  return { ...service, spec };
}

function prepareService(service: Stored, old: Stored | undefined, env: Env): Stored {
  const spec: JsonObject = { ...objectOf(service['spec']) };
  const status = service['status'] ?? { loadBalancer: {} };
  const type = spec['type'];
  if (type === 'ExternalName') return { ...service, spec, status };
  const kept = textOf(at(old, 'spec', 'clusterIP'));
  const address = textOf(spec['clusterIP']) || kept || freeAddress(env);
  spec['clusterIP'] = address;
  spec['clusterIPs'] ??= [address];
  spec['ipFamilies'] ??= ['IPv4'];
  spec['ipFamilyPolicy'] ??= 'SingleStack';
  if (type === 'LoadBalancer' || type === 'NodePort') {
    spec['ports'] = withNodePorts(listOf(spec['ports']), listOf(at(old, 'spec', 'ports')), env);
  }
  return { ...service, spec, status };
}

function freeAddress({ random, list }: Env): string {
  const taken = new Set(list('services').map((service) => textOf(at(service, 'spec', 'clusterIP'))));
  for (;;) {
    const address = `10.96.${random.below(256)}.${1 + random.below(254)}`;
    if (!taken.has(address)) return address;
  }
}

function withNodePorts(ports: readonly Json[], old: readonly Json[], { random, list }: Env): JsonObject[] {
  const taken = new Set(
    list('services').flatMap((service) =>
      listOf(at(service, 'spec', 'ports')).map((port) => numberOf(objectOf(port)['nodePort'])),
    ),
  );
  return ports.map((item) => {
    const port = objectOf(item);
    if (port['nodePort'] !== undefined) return port;
    const before = old.map(objectOf).find((other) => other['port'] === port['port']);
    if (before?.['nodePort'] !== undefined) return { ...port, nodePort: before['nodePort'] };
    let nodePort = 30_000 + random.below(2768);
    while (taken.has(nodePort)) nodePort = 30_000 + ((nodePort - 29_999) % 2768);
    taken.add(nodePort);
    return { ...port, nodePort };
  });
}

function validateService(service: Stored, old: Stored | undefined): FieldError[] {
  const spec = objectOf(service['spec']);
  const ports = listOf(spec['ports']).map(objectOf);
  const type = textOf(spec['type']);
  const errors: FieldError[] = [];
  if (!SERVICE_TYPES.includes(type)) errors.push(unsupportedValue('spec.type', type, SERVICE_TYPES));
  if (ports.length === 0 && type !== 'ExternalName' && spec['clusterIP'] !== 'None') {
    errors.push(requiredValue('spec.ports'));
  }
  const names = new Set<string>();
  ports.forEach((port, index) => {
    const field = `spec.ports[${index}]`;
    const name = textOf(port['name']);
    if (name === '' && ports.length > 1) errors.push(requiredValue(`${field}.name`));
    if (name !== '' && names.has(name)) {
      errors.push(duplicateValue(`${field}.name`, name));
    }
    names.add(name);
    errors.push(...validateServicePort(port['port'], `${field}.port`));
    if (typeof port['targetPort'] !== 'string') {
      errors.push(...validateServicePort(port['targetPort'], `${field}.targetPort`));
    }
  });
  const before = textOf(at(old?.['spec'], 'clusterIP'));
  if (before !== '' && before !== 'None' && spec['clusterIP'] !== before && type !== 'ExternalName') {
    errors.push(invalidValue('spec.clusterIPs[0]', [spec['clusterIP'] ?? null], 'may not change once set'));
  }
  return errors;
}

function validateServicePort(port: Json | undefined, field: string): FieldError[] {
  const number = numberOf(port);
  if (number > 0 && number < 65536) return [];
  return [invalidValue(field, number, 'must be between 1 and 65535, inclusive')];
}

/** The rules of Services. */
export const serviceRules: Partial<Rules> = {
  name: 'label',
  prepare: prepareService,
  validate: validateService,
  prepareStatus: (sent, old) => ({ ...sent, spec: old['spec'] }),
  statusResets: [['spec']],
  returnsDeleted: true,
  selectable: (service) => ({
    'spec.clusterIP': textOf(at(service, 'spec', 'clusterIP')),
    'spec.type': textOf(at(service, 'spec', 'type')),
  }),
};

/** The rules of Leases. */
export const leaseRules: Partial<Rules> = {
  unconditionalUpdate: false,
  createOnUpdate: true,
  validate: (lease) => {
    const errors: FieldError[] = [];
    const seconds = at(lease, 'spec', 'leaseDurationSeconds');
    if (typeof seconds === 'number' && seconds <= 0) {
      errors.push(invalidValue('spec.leaseDurationSeconds', seconds, 'must be greater than 0'));
    }
    const transitions = at(lease, 'spec', 'leaseTransitions');
    if (typeof transitions === 'number' && transitions < 0) {
      errors.push(invalidValue('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
    }
    return errors;
  },
};
