import type { TypeSchema } from './types.ts';
import {
  alwaysAs,
  anything,
  atomic,
  conditions,
  flag,
  int,
  intOrText,
  keyedList,
  labelSelector,
  listOfType,
  long,
  mapOf,
  optional,
  preset,
  quantity,
  struct,
  text,
  time,
} from './types.ts';

const configRef = { name: text, optional: optional(flag) };
const keyRef = atomic(struct({ name: text, key: text, optional: optional(flag) }));
const keyPaths = listOfType(struct({ key: text, path: text, mode: optional(int) }));
const fieldRef = atomic(struct({ apiVersion: preset(text, 'v1'), fieldPath: text }));
const resourceFieldRef = atomic(struct({ containerName: text, resource: text, divisor: quantity }));

const envVar = struct({
  name: text,
  value: text,
  valueFrom: struct({
    fieldRef,
    resourceFieldRef,
    configMapKeyRef: keyRef,
    secretKeyRef: keyRef,
    fileKeyRef: anything,
  }),
});

const httpGet = struct({
  path: preset(text, '/'),
  port: optional(intOrText),
  host: text,
  scheme: preset(text, 'HTTP'),
  httpHeaders: listOfType(struct({ name: text, value: text })),
});
const exec = struct({ command: listOfType(text) });
const tcpSocket = struct({ port: optional(intOrText), host: text });

const probe = struct({
  exec,
  httpGet,
  tcpSocket,
  grpc: struct({ port: int, service: preset(optional(text), '') }),
  initialDelaySeconds: int,
  timeoutSeconds: preset(int, 1),
  periodSeconds: preset(int, 10),
  successThreshold: preset(int, 1),
  failureThreshold: preset(int, 3),
  terminationGracePeriodSeconds: optional(long),
});

const handler = struct({ exec, httpGet, tcpSocket, sleep: struct({ seconds: long }) });

const containerFields: Readonly<Record<string, TypeSchema>> = {
  name: text,
  image: text,
  command: listOfType(text),
  args: listOfType(text),
  workingDir: text,
  ports: keyedList(
    struct({
      name: text,
      hostPort: int,
      containerPort: int,
      protocol: preset(text, 'TCP'),
      hostIP: text,
    }),
    ['containerPort', 'protocol'],
  ),
  envFrom: listOfType(
    struct({ prefix: text, configMapRef: struct(configRef), secretRef: struct(configRef) }),
  ),
  env: keyedList(envVar, ['name']),
  resources: {
    ...struct({
      limits: mapOf(quantity),
      requests: mapOf(quantity),
      claims: keyedList(struct({ name: text, request: text }), ['name']),
    }),
    always: true,
  },
  resizePolicy: listOfType(struct({ resourceName: text, restartPolicy: text })),
  restartPolicy: optional(text),
  restartPolicyRules: listOfType(anything),
  volumeMounts: keyedList(
    struct({
      name: text,
      readOnly: flag,
      recursiveReadOnly: optional(text),
      mountPath: text,
      subPath: text,
      mountPropagation: optional(text),
      subPathExpr: text,
    }),
    ['mountPath'],
  ),
  volumeDevices: keyedList(struct({ name: text, devicePath: text }), ['devicePath']),
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
  lifecycle: struct({ postStart: handler, preStop: handler, stopSignal: optional(text) }),
  terminationMessagePath: preset(text, '/dev/termination-log'),
  terminationMessagePolicy: preset(text, 'File'),
  imagePullPolicy: text,
  securityContext: anything,
  stdin: flag,
  stdinOnce: flag,
  tty: flag,
};

const container = struct(containerFields);

const configMapVolume = struct({
  ...configRef,
  items: keyPaths,
  defaultMode: preset(optional(int), 420),
});

const volume = struct({
  name: text,
  configMap: configMapVolume,
  secret: struct({
    secretName: text,
    items: keyPaths,
    defaultMode: preset(optional(int), 420),
    optional: optional(flag),
  }),
  emptyDir: struct({ medium: text, sizeLimit: optional(quantity) }),
  hostPath: struct({ path: text, type: preset(optional(text), '') }),
  persistentVolumeClaim: struct({ claimName: text, readOnly: flag }),
  projected: struct({
    sources: listOfType(
      struct({
        configMap: struct({ ...configRef, items: keyPaths }),
        secret: struct({ ...configRef, items: keyPaths }),
        downwardAPI: struct({ items: listOfType(anything) }),
        serviceAccountToken: struct({
          audience: text,
          expirationSeconds: preset(optional(long), 3600),
          path: text,
        }),
        clusterTrustBundle: anything,
        podCertificate: anything,
      }),
    ),
    defaultMode: preset(optional(int), 420),
  }),
  downwardAPI: struct({
    items: listOfType(struct({ path: text, fieldRef, resourceFieldRef, mode: optional(int) })),
    defaultMode: preset(optional(int), 420),
  }),
  ...Object.fromEntries(
    ['csi', 'ephemeral', 'nfs', 'iscsi', 'image', 'fc', 'gcePersistentDisk', 'awsElasticBlockStore'].map(
      (source) => [source, anything],
    ),
  ),
});

/** `spec` of a pod. */
export const podSpec: TypeSchema = struct({
  volumes: keyedList(volume, ['name']),
  initContainers: keyedList(container, ['name']),
  containers: alwaysAs(keyedList(container, ['name']), null),
  ephemeralContainers: keyedList(struct({ ...containerFields, targetContainerName: text }), ['name']),
  restartPolicy: preset(text, 'Always'),
  terminationGracePeriodSeconds: preset(optional(long), 30),
  activeDeadlineSeconds: optional(long),
  dnsPolicy: preset(text, 'ClusterFirst'),
  nodeSelector: atomic(mapOf(text)),
  serviceAccountName: text,
  serviceAccount: text,
  automountServiceAccountToken: optional(flag),
  nodeName: text,
  hostNetwork: flag,
  hostPID: flag,
  hostIPC: flag,
  shareProcessNamespace: optional(flag),
  securityContext: preset(anything, {}),
  imagePullSecrets: keyedList(struct({ name: preset(optional(text), '') }), ['name']),
  hostname: text,
  subdomain: text,
  affinity: anything,
  schedulerName: preset(text, 'default-scheduler'),
  tolerations: listOfType(
    struct({
      key: text,
      operator: text,
      value: text,
      effect: text,
      tolerationSeconds: optional(long),
    }),
  ),
  hostAliases: keyedList(struct({ ip: text, hostnames: listOfType(text) }), ['ip']),
  priorityClassName: text,
  priority: optional(int),
  dnsConfig: anything,
  readinessGates: listOfType(struct({ conditionType: text })),
  runtimeClassName: optional(text),
  enableServiceLinks: optional(flag),
  preemptionPolicy: optional(text),
  overhead: mapOf(quantity),
  topologySpreadConstraints: keyedList(
    struct({
      maxSkew: int,
      topologyKey: text,
      whenUnsatisfiable: text,
      labelSelector,
      minDomains: optional(int),
      nodeAffinityPolicy: optional(text),
      nodeTaintsPolicy: optional(text),
      matchLabelKeys: listOfType(text),
    }),
    ['topologyKey', 'whenUnsatisfiable'],
    'topologyKey',
  ),
  setHostnameAsFQDN: optional(flag),
  os: struct({ name: text }),
  hostUsers: optional(flag),
  schedulingGates: keyedList(struct({ name: text }), ['name']),
  resourceClaims: listOfType(anything),
  resources: anything,
  hostnameOverride: optional(text),
});

const runningState = struct({ startedAt: time });
const waitingState = struct({ reason: text, message: text });
const terminatedState = struct({
  exitCode: optional(int),
  signal: int,
  reason: text,
  message: text,
  startedAt: time,
  finishedAt: time,
  containerID: text,
});
const containerState = struct({ waiting: waitingState, running: runningState, terminated: terminatedState });
const containerStatuses = listOfType(
  struct({
    name: text,
    state: containerState,
    lastState: { ...containerState, always: true },
    ready: optional(flag),
    restartCount: optional(int),
    image: optional(text),
    imageID: optional(text),
    containerID: text,
    started: optional(flag),
    allocatedResources: anything,
    resources: anything,
    volumeMounts: listOfType(anything),
    user: anything,
  }),
);

/** `status` of a pod. */
export const podStatus: TypeSchema = struct({
  observedGeneration: long,
  phase: preset(text, 'Pending'),
  conditions: conditions({ lastProbeTime: alwaysAs(time, null), observedGeneration: long }),
  message: text,
  reason: text,
  nominatedNodeName: text,
  hostIP: text,
  hostIPs: listOfType(struct({ ip: text })),
  podIP: text,
  podIPs: keyedList(struct({ ip: text }), ['ip']),
  startTime: optional(time),
  initContainerStatuses: containerStatuses,
  containerStatuses,
  ephemeralContainerStatuses: containerStatuses,
  qosClass: text,
  resize: text,
  resourceClaimStatuses: listOfType(anything),
});
