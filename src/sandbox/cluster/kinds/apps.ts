import { podSpec } from './pod.ts';
import type { TypeSchema } from './types.ts';
import {
  conditions,
  flag,
  int,
  intOrText,
  labelSelector,
  long,
  objectMeta,
  optional,
  preset,
  struct,
  text,
  time,
} from './types.ts';

/** `spec.template` of workloads; its metadata is stored even when empty. */
export const podTemplate: TypeSchema = {
  ...struct({ metadata: { ...objectMeta, always: true }, spec: { ...podSpec, always: true } }),
  always: true,
};

/** Fields of a Deployment. */
export const deploymentFields: Readonly<Record<string, TypeSchema>> = {
  spec: {
    ...struct({
      replicas: preset(optional(int), 1),
      selector: labelSelector,
      template: podTemplate,
      strategy: {
        ...struct({
          type: preset(text, 'RollingUpdate'),
          rollingUpdate: struct({ maxUnavailable: optional(intOrText), maxSurge: optional(intOrText) }),
        }),
        always: true,
      },
      minReadySeconds: int,
      revisionHistoryLimit: preset(optional(int), 10),
      paused: flag,
      progressDeadlineSeconds: preset(optional(int), 600),
    }),
    always: true,
  },
  status: {
    ...struct({
      observedGeneration: long,
      replicas: int,
      updatedReplicas: int,
      readyReplicas: int,
      availableReplicas: int,
      unavailableReplicas: int,
      terminatingReplicas: optional(int),
      conditions: conditions({ lastUpdateTime: time }),
      collisionCount: optional(int),
    }),
    always: true,
  },
};

/** Fields of a ReplicaSet. */
export const replicaSetFields: Readonly<Record<string, TypeSchema>> = {
  spec: {
    ...struct({
      replicas: preset(optional(int), 1),
      minReadySeconds: int,
      selector: labelSelector,
      template: podTemplate,
    }),
    always: true,
  },
  status: {
    ...struct({
      replicas: optional(int),
      fullyLabeledReplicas: int,
      readyReplicas: int,
      availableReplicas: int,
      terminatingReplicas: optional(int),
      observedGeneration: long,
      conditions: conditions(),
    }),
    always: true,
  },
};
