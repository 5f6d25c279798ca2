import type { Resource } from '../resource.ts';
import { deploymentFields, replicaSetFields } from './apps.ts';
import {
  completeDeployment,
  completeWorkload,
  deploymentRules,
  replicaSetRules,
  workloadScale,
} from './apps-rules.ts';
import {
  configMapColumns,
  crdColumns,
  deploymentColumns,
  eventColumns,
  leaseColumns,
  namespaceColumns,
  podColumns,
  replicaSetColumns,
  secretColumns,
  serviceAccountColumns,
  serviceColumns,
} from './columns.ts';
import {
  completeNamespace,
  completeSecret,
  completeService,
  configMapRules,
  leaseRules,
  namespaceRules,
  secretRules,
  serviceRules,
} from './core-rules.ts';
import { completeCrd, crdFields, crdRules } from './crd.ts';
import { define, type Definition } from './define.ts';
import {
  coreEventFields,
  coreEventRules,
  newEventFields,
  newEventRules,
  toCoreEvent,
  toNewEvent,
} from './events.ts';
import { completeJob, jobFields, jobRules } from './jobs.ts';
import { storedOnly } from './stored-only.ts';
import { podSpec, podStatus } from './pod.ts';
import { completePod, podRules } from './pod-rules.ts';
import {
  anything,
  atomic,
  bytes,
  conditions,
  flag,
  int,
  intOrText,
  keyedList,
  listOfType,
  mapOf,
  microTime,
  objectReference,
  optional,
  preset,
  struct,
  text,
} from './types.ts';

const servicePort = struct({
  name: text,
  protocol: preset(text, 'TCP'),
  appProtocol: optional(text),
  port: int,
  targetPort: intOrText,
  nodePort: int,
});

const core: Definition[] = [
  {
    plural: 'namespaces',
    kind: 'Namespace',
    shortNames: ['ns'],
    clusterScoped: true,
    fields: {
      spec: struct({ finalizers: listOfType(text) }),
      status: struct({ phase: text, conditions: conditions() }),
    },
    subresources: ['status', 'finalize'],
    complete: completeNamespace,
    rules: namespaceRules,
    columns: namespaceColumns,
  },
  {
    plural: 'pods',
    kind: 'Pod',
    shortNames: ['po'],
    categories: ['all'],
    fields: { spec: { ...podSpec, always: true }, status: { ...podStatus, always: true } },
    subresources: ['status', 'binding'],
    complete: completePod,
    rules: podRules,
    columns: podColumns,
  },
  {
    plural: 'services',
    kind: 'Service',
    shortNames: ['svc'],
    categories: ['all'],
    fields: {
      spec: {
        ...struct({
          ports: keyedList(servicePort, ['port', 'protocol'], 'port'),
          selector: atomic(mapOf(text)),
          clusterIP: text,
          clusterIPs: listOfType(text),
          type: preset(text, 'ClusterIP'),
          externalIPs: listOfType(text),
          sessionAffinity: preset(text, 'None'),
          loadBalancerIP: text,
          loadBalancerSourceRanges: listOfType(text),
          externalName: text,
          externalTrafficPolicy: text,
          healthCheckNodePort: int,
          publishNotReadyAddresses: flag,
          sessionAffinityConfig: anything,
          ipFamilies: listOfType(text),
          ipFamilyPolicy: optional(text),
          allocateLoadBalancerNodePorts: optional(flag),
          loadBalancerClass: optional(text),
          internalTrafficPolicy: optional(text),
          trafficDistribution: optional(text),
        }),
        always: true,
      },
      status: struct({
        loadBalancer: { ...anything, always: true },
        conditions: conditions(),
      }),
    },
    subresources: ['status'],
    complete: completeService,
    rules: serviceRules,
    columns: serviceColumns,
  },
  {
    plural: 'configmaps',
    kind: 'ConfigMap',
    shortNames: ['cm'],
    fields: { immutable: optional(flag), data: mapOf(text), binaryData: mapOf(bytes) },
    rules: configMapRules,
    columns: configMapColumns,
  },
  {
    plural: 'secrets',
    kind: 'Secret',
    fields: {
      immutable: optional(flag),
      data: mapOf(bytes),
      stringData: mapOf(text),
      type: preset(text, 'Opaque'),
    },
    complete: completeSecret,
    rules: secretRules,
    columns: secretColumns,
  },
  {
    plural: 'serviceaccounts',
    kind: 'ServiceAccount',
    shortNames: ['sa'],
    fields: {
      secrets: keyedList(objectReference, ['name']),
      imagePullSecrets: listOfType(struct({ name: text })),
      automountServiceAccountToken: optional(flag),
    },
    rules: { returnsDeleted: true },
    columns: serviceAccountColumns,
  },
  {
    plural: 'endpoints',
    kind: 'Endpoints',
    shortNames: ['ep'],
    fields: { subsets: listOfType(anything) },
  },
  {
    plural: 'events',
    kind: 'Event',
    shortNames: ['ev'],
    fields: coreEventFields,
    rules: coreEventRules,
    columns: eventColumns,
  },
  {
    plural: 'events',
    kind: 'Event',
    group: 'events.k8s.io',
    shortNames: ['ev'],
    table: 'events',
    fields: newEventFields,
    rules: newEventRules,
    columns: eventColumns,
    fromStored: toNewEvent,
    toStored: toCoreEvent,
  },
];

const others: Definition[] = [
  {
    group: 'apps',
    plural: 'deployments',
    kind: 'Deployment',
    shortNames: ['deploy'],
    categories: ['all'],
    fields: deploymentFields,
    subresources: ['status', 'scale'],
    scale: workloadScale,
    complete: completeDeployment,
    rules: deploymentRules,
    columns: deploymentColumns,
  },
  {
    group: 'apps',
    plural: 'replicasets',
    kind: 'ReplicaSet',
    shortNames: ['rs'],
    categories: ['all'],
    fields: replicaSetFields,
    subresources: ['status', 'scale'],
    scale: workloadScale,
    complete: completeWorkload,
    rules: replicaSetRules,
    columns: replicaSetColumns,
  },
  {
    group: 'batch',
    plural: 'jobs',
    kind: 'Job',
    categories: ['all'],
    fields: jobFields,
    subresources: ['status'],
    complete: completeJob,
    rules: jobRules,
  },
  {
    group: 'coordination.k8s.io',
    plural: 'leases',
    kind: 'Lease',
    fields: {
      spec: {
        ...struct({
          holderIdentity: optional(text),
          leaseDurationSeconds: optional(int),
          acquireTime: microTime,
          renewTime: microTime,
          leaseTransitions: optional(int),
          strategy: optional(text),
          preferredHolder: optional(text),
        }),
        always: true,
      },
    },
    rules: leaseRules,
    columns: leaseColumns,
  },
  {
    group: 'apiextensions.k8s.io',
    plural: 'customresourcedefinitions',
    kind: 'CustomResourceDefinition',
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    clusterScoped: true,
    fields: crdFields,
    subresources: ['status'],
    complete: completeCrd,
    rules: crdRules,
    columns: crdColumns,
  },
  {
    group: 'discovery.k8s.io',
    plural: 'endpointslices',
    kind: 'EndpointSlice',
    fields: { addressType: text, endpoints: listOfType(anything), ports: listOfType(anything) },
    rules: { newGeneration: () => false },
  },
];

/** Every kind that the cluster knows without a CustomResourceDefinition. */
export function builtInResources(): Resource[] {
  return [...core, ...others, ...storedOnly].map(define);
}
