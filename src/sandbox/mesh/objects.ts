import type { KubeObject } from '../../kube/types.ts';

/** The kinds that the mesh follows, as far as it reads them. Everything is optional: the schemas are permissive. */
export interface VirtualService extends KubeObject {
  spec?: { hosts?: string[]; http?: HttpRoute[] };
}

export interface HttpRoute {
  name?: string;
  match?: HttpMatch[];
  route?: RouteDestination[];
}

export interface StringMatch {
  exact?: string;
  prefix?: string;
  regex?: string;
}

export interface HttpMatch {
  uri?: StringMatch;
  method?: StringMatch;
  authority?: StringMatch;
  headers?: Record<string, StringMatch>;
  withoutHeaders?: Record<string, StringMatch>;
  queryParams?: Record<string, StringMatch>;
  [other: string]: unknown;
}

export interface RouteDestination {
  destination?: { host?: string; subset?: string; port?: { number?: number } };
  weight?: number;
}

export interface DestinationRule extends KubeObject {
  spec?: { host?: string; subsets?: { name: string; labels?: Record<string, string> }[] };
}

export interface ServicePort {
  name?: string;
  port: number;
  targetPort?: number | string;
}

export interface Service extends KubeObject {
  spec?: { selector?: Record<string, string>; ports?: ServicePort[] };
}

export interface ContainerPort {
  name?: string;
  containerPort: number;
}

/** Names one key of a ConfigMap or Secret. */
export interface KeyRef {
  name: string;
  key: string;
  optional?: boolean;
}

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: { configMapKeyRef?: KeyRef; secretKeyRef?: KeyRef; fieldRef?: { fieldPath: string } };
}

export interface EnvFrom {
  prefix?: string;
  configMapRef?: { name: string; optional?: boolean };
  secretRef?: { name: string; optional?: boolean };
}

export interface Probe {
  httpGet?: { path?: string; port: number | string };
  initialDelaySeconds?: number;
  periodSeconds?: number;
  timeoutSeconds?: number;
  failureThreshold?: number;
}

export interface Container {
  name: string;
  image?: string;
  env?: EnvVar[];
  envFrom?: EnvFrom[];
  ports?: ContainerPort[];
  readinessProbe?: Probe;
}

export interface PodCondition {
  type: string;
  status: string;
  lastTransitionTime?: string;
}

export interface Pod extends KubeObject {
  spec?: { nodeName?: string; terminationGracePeriodSeconds?: number; containers?: Container[] };
  status?: {
    phase?: string;
    podIP?: string;
    conditions?: PodCondition[];
  };
}

/**
 * On a pod: where its container ports really listen, as JSON (`{"8080":40123}`). All pods of the sandbox share
 * 127.0.0.1, so their ports can't be the ones in the manifest.
 */
export const PORTS_ANNOTATION = 'sandbox.songbird.dev/ports';

/** The port on 127.0.0.1 behind one of the pod's container ports; undefined when nothing listens there. */
export function listeningPort(pod: Pod, containerPort: number): number | undefined {
  const text = pod.metadata.annotations?.[PORTS_ANNOTATION];
  if (text === undefined) return undefined;
  let ports: unknown;
  try {
    ports = JSON.parse(text);
  } catch {
    // A user may edit annotations; a pod with a broken one is a pod that nothing reaches.
    return undefined;
  }
  if (typeof ports !== 'object' || ports === null) return undefined;
  const port: unknown = Object.getOwnPropertyDescriptor(ports, String(containerPort))?.value;
  return typeof port === 'number' ? port : undefined;
}

/** Running, Ready, and not being deleted. */
export function isServing(pod: Pod): boolean {
  return (
    pod.metadata.deletionTimestamp === undefined &&
    pod.status?.phase === 'Running' &&
    pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
  );
}

/** True when an object's labels contain all of these. */
export function hasLabels(object: KubeObject, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => object.metadata.labels?.[key] === value);
}
