import type { CanaryReleaseSpec } from './canary-release.ts';
import type { ReleaseCommandSpec, ReleaseCommandStatus } from './release-command.ts';
import type { CanaryReleaseStatus } from './status.ts';

/**
 * The objects that Songbird reads and writes, as JSON: only the fields that our code looks at. Everything else stays in
 * the objects unseen.
 */
export interface Meta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerRef[];
}

export interface OwnerRef {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

interface Typed {
  apiVersion: string;
  kind: string;
  metadata: Meta;
}

/** A CanaryRelease as the API server gives it, before it is checked: the CRD in the cluster may be an older one. */
export interface CanaryReleaseObject extends Typed {
  spec?: unknown;
  status?: unknown;
}

/** A CanaryRelease that passed {@link parseRelease}. */
export interface CanaryRelease extends Typed {
  spec: CanaryReleaseSpec;
  status: CanaryReleaseStatus;
}

export interface ReleaseCommand extends Typed {
  spec: ReleaseCommandSpec;
  status?: ReleaseCommandStatus;
}

/** An AnalysisTemplate or ClusterAnalysisTemplate as the API server gives it, before {@link parseTemplate}. */
export interface AnalysisTemplateObject extends Typed {
  spec?: unknown;
}

/** A NotificationPolicy as the API server gives it, before {@link parsePolicy}. */
export interface NotificationPolicyObject extends Typed {
  spec?: unknown;
  status?: unknown;
}

/** A Job of batch/v1. */
export interface Job extends Typed {
  spec: { [field: string]: unknown };
  status?: {
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    startTime?: string;
    completionTime?: string;
  };
}

export interface Deployment extends Typed {
  spec: {
    replicas?: number;
    selector?: { matchLabels?: Record<string, string> };
    template?: unknown;
    [field: string]: unknown;
  };
  status?: {
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
  };
}

export interface ContainerStatus {
  name: string;
  image?: string;
  restartCount?: number;
  state?: {
    waiting?: { reason?: string; message?: string };
    running?: unknown;
    terminated?: { exitCode?: number };
  };
  lastState?: { terminated?: { exitCode?: number; reason?: string } };
}

export interface Pod extends Typed {
  spec?: { nodeName?: string };
  status?: {
    phase?: string;
    podIP?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

export interface ServicePort {
  name?: string;
  port: number;
  targetPort?: number | string;
  protocol?: string;
  appProtocol?: string;
}

export interface Service extends Typed {
  spec: { selector?: Record<string, string>; ports?: ServicePort[]; [field: string]: unknown };
}

interface Destination {
  destination: { host: string; subset?: string; port?: { number: number } };
  weight?: number;
}

/** One entry of `spec.http`, `spec.tcp` or `spec.tls`. */
export interface Route {
  match?: unknown[];
  route?: Destination[];
  [field: string]: unknown;
}

export interface VirtualService extends Typed {
  spec: {
    hosts?: string[];
    gateways?: string[];
    http?: Route[];
    tcp?: Route[];
    tls?: Route[];
    [field: string]: unknown;
  };
  status?: {
    observedGeneration?: number | string;
    conditions?: { type: string; status: string; message?: string }[];
  };
}

export interface DestinationRule extends Typed {
  spec: {
    host?: string;
    subsets?: { name: string; labels?: Record<string, string>; [field: string]: unknown }[];
    [field: string]: unknown;
  };
}

/** The reference that makes a CanaryRelease the controller of what it makes. */
export function ownerRefOf(release: CanaryRelease): OwnerRef {
  return {
    apiVersion: release.apiVersion,
    kind: release.kind,
    name: release.metadata.name,
    uid: release.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** True when this very CanaryRelease (by uid, not by name) controls the object. */
export function isOwnedBy(object: { metadata: Meta }, release: { metadata: Meta }): boolean {
  return (object.metadata.ownerReferences ?? []).some(
    (owner) => owner.controller === true && owner.uid === release.metadata.uid,
  );
}
