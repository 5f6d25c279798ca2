import { VirtualClock } from '../../kube/virtual-clock.ts';
import { ApiError, type ResourceType } from '../../kube/types.ts';
import type { InProcessClient } from './client.ts';
import { Cluster, type ClusterOptions } from './cluster.ts';
import type { JsonObject, Meta, Stored } from './object.ts';

/** A cluster on a clock of its own, and a client for the tests of the sandbox. */
export interface TestCluster {
  readonly clock: VirtualClock;
  readonly cluster: Cluster;
  readonly client: InProcessClient;
}

export function testCluster(options: ClusterOptions = {}): TestCluster {
  const clock = new VirtualClock();
  const cluster = new Cluster({ clock, ...options });
  return { clock, cluster, client: cluster.client({ user: 'test' }) };
}

export const replicaSets: ResourceType = {
  group: 'apps',
  version: 'v1',
  plural: 'replicasets',
  kind: 'ReplicaSet',
  namespaced: true,
};

export const coreEvents: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};

export const widgets: ResourceType = {
  group: 'sandbox.test',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
};

/** A reference to an object in the namespace `default`. */
export function named(name: string): { name: string; namespace: string } {
  return { namespace: 'default', name };
}

export function configMap(
  name: string,
  data: Record<string, string> = {},
  metadata: Partial<Meta> = {},
): Stored {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'default', ...metadata, name },
    data,
  };
}

export function namespace(name: string): Stored {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

export function deployment(name: string, image: string, spec: JsonObject = {}): Stored {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'default', name },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'app', image, ports: [{ containerPort: 8080 }] }] },
      },
      ...spec,
    },
  };
}

export function pod(name: string, metadata: Partial<Meta> = {}): Stored {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', ...metadata, name },
    spec: { containers: [{ name: 'app', image: 'app:1' }] },
  };
}

export function widget(name: string, spec: JsonObject = { size: 1 }): Stored {
  return { apiVersion: 'sandbox.test/v1', kind: 'Widget', metadata: { namespace: 'default', name }, spec };
}

/** Defines the kind Widget: a size of at least 0 that may only grow, a colour, status and scale. */
export function widgetCrd(): Stored {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.sandbox.test' },
    spec: {
      group: 'sandbox.test',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: {
            status: {},
            scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' },
          },
          additionalPrinterColumns: [
            { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
            { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: {
                  type: 'object',
                  required: ['size'],
                  properties: {
                    size: {
                      type: 'integer',
                      minimum: 0,
                      'x-kubernetes-validations': [
                        { rule: 'self >= oldSelf', message: 'a widget never shrinks' },
                      ],
                    },
                    colour: { type: 'string', default: 'red' },
                  },
                },
                status: {
                  type: 'object',
                  properties: {
                    size: { type: 'integer' },
                    conditions: {
                      type: 'array',
                      items: {
                        type: 'object',
                        properties: { type: { type: 'string' }, status: { type: 'string' } },
                      },
                    },
                  },
                },
              },
            },
          },
        },
      ],
    },
  };
}

/** The ApiError that a promise ends with. */
export async function failureOf(promise: Promise<unknown>): Promise<ApiError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('the request succeeded');
}
