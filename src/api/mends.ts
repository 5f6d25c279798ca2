import type { Reason } from './errors.ts';

/** What a reason is about, in the order of the page that is made of it. */
export const GROUPS = {
  course: 'The course of a release',
  waiting: 'What a release waits for',
  end: 'Why a release was given up',
  manifest: 'What stalls a release until it is mended',
  telemetry: 'Faults of what is measured',
  cluster: 'Faults of the cluster',
  notification: 'Notifications',
  command: 'Commands',
} as const;

export interface Mend {
  readonly group: keyof typeof GROUPS;
  /** What to do about it, for whoever reads the reason in a condition or an Event. */
  readonly mend: string;
}

const NOTHING = 'Nothing.';

/** To each reason of the catalogue, what to do. docs/reference/errors.md is made from this table, too. */
export const MENDS = {
  Initializing: {
    group: 'course',
    mend: 'Nothing, if it passes. If it stays, `kubectl get pods -l songbird.dev/release=NAME` shows which pods are not ready.',
  },
  Healthy: { group: 'course', mend: NOTHING },
  Promoted: { group: 'course', mend: NOTHING },
  Progressing: {
    group: 'course',
    mend: 'Nothing. `kubectl songbird status NAME -w` draws it as it goes.',
  },
  Paused: {
    group: 'course',
    mend: 'Look at it (`kubectl songbird why NAME`), then `kubectl songbird resume`, `promote` or `abort`.',
  },
  RollingBack: {
    group: 'course',
    mend: 'Nothing: the candidate only loses traffic now. If it does not end, the message says what it waits for.',
  },
  Reverted: { group: 'end', mend: NOTHING },
  Superseded: { group: 'end', mend: 'Nothing: the newer revision goes out from the first step on.' },
  ScaledToZero: { group: 'course', mend: 'Set `spec.replicas` (or let the autoscaler) to 1 or more.' },
  WaitingForPods: {
    group: 'waiting',
    mend: 'See why pods are not ready: `kubectl describe pod -l songbird.dev/release=NAME`. Mostly a quota, a node that is full, or a readiness probe.',
  },
  WaitingForBaseline: {
    group: 'waiting',
    mend: 'Make room for the pods of the baseline, which are as many as those of the candidate, or set `spec.analysis.freshBaseline` to false.',
  },
  WaitingForStable: {
    group: 'waiting',
    mend: 'Bring a pod of the stable revision up: traffic goes back as soon as one is ready. Where its Deployment is gone, put its template back into the manifest.',
  },
  WaitingForTraffic: {
    group: 'waiting',
    mend: 'Nothing, if it passes. If it stays, ask Istio whether it reaches its proxies: `istioctl proxy-status`.',
  },
  AnalysisFailed: {
    group: 'end',
    mend: '`kubectl songbird why NAME` shows the counts. Mend the version and apply it: another template is another release. If you think that the verdict is wrong, `kubectl songbird retry NAME`.',
  },
  Aborted: {
    group: 'end',
    mend: 'Apply another version, or `kubectl songbird retry NAME` for the same one.',
  },
  ProgressDeadlineExceeded: {
    group: 'end',
    mend: 'See why its pods did not become ready. Set `spec.progressDeadline` higher where they need longer. Then apply the mended version, or `kubectl songbird retry NAME`.',
  },
  CandidateUnstable: {
    group: 'end',
    mend: 'See why its containers end, `kubectl logs --previous`, or why its readiness probe fails. Then apply the mended version.',
  },
  Inconclusive: {
    group: 'end',
    mend: 'Give it more requests or more time: a higher first weight, a longer `spec.progressDeadline`, a smaller `spec.analysis.minRequests`. `kubectl songbird simulate -f` says what would do at your traffic.',
  },
  InvalidSpec: {
    group: 'manifest',
    mend: 'Mend the field that the message names. `kubectl songbird lint -f` finds the same before you apply it. Where the API server should have refused it, bring the CRDs up to date.',
  },
  PodsNotStarting: {
    group: 'manifest',
    mend: 'Mend what the message names: the image, its pull secret, the configuration, or what makes it crash. The stable revision serves meanwhile.',
  },
  ServiceMismatch: {
    group: 'manifest',
    mend: 'Mend the Service or `spec.service` as the message says, or delete the Service, so that Songbird makes it.',
  },
  HostNotFound: {
    group: 'manifest',
    mend: 'Name a Service of the namespace in `spec.traffic.istio.hosts`, or, for a host of a gateway, name the gateway in `gateways`.',
  },
  GatewayNotFound: {
    group: 'manifest',
    mend: 'Make the Gateway, or mend its name: `NAMESPACE/NAME`, or `NAME` in the same namespace.',
  },
  WorkloadConflict: {
    group: 'manifest',
    mend: 'Let one CanaryRelease own a Service and a host: delete the other, or give this one another Service.',
  },
  NameConflict: {
    group: 'manifest',
    mend: 'Rename or delete the object that the message names. Songbird takes over nothing that it did not make.',
  },
  RouterMissing: {
    group: 'cluster',
    mend: 'Install Istio. `kubectl songbird doctor` says which CRDs are missing.',
  },
  TemplateNotFound: {
    group: 'manifest',
    mend: 'Apply the template, or mend its `kind` and `name` in `spec.analysis.templates`.',
  },
  TemplateInvalid: {
    group: 'manifest',
    mend: 'Mend the field of the template that the message names. `kubectl songbird lint -f` with both files says the same.',
  },
  ArgumentMissing: {
    group: 'manifest',
    mend: 'Give the argument in `args` of `spec.analysis.templates`, or a `default` in the template.',
  },
  ArgumentInvalid: {
    group: 'manifest',
    mend: 'Mend the value as the message says, or the `type` of the argument in the template.',
  },
  SecretUnreadable: {
    group: 'manifest',
    mend: 'Make the Secret with the key that the message names, and let the operator read it: `kubectl apply -k config/secrets`, or `secrets` of the chart.',
  },
  TelemetryUnreachable: {
    group: 'telemetry',
    mend: 'The release waits at its weight. For `proxies`, let the operator reach port 15090 of the pods (NetworkPolicy, injection); for `prometheus`, mend the address, the token or the certificate.',
  },
  TelemetryInvalid: {
    group: 'telemetry',
    mend: 'The release waits at its weight. Mend the query that the message names, or see whether the address is that of a Prometheus.',
  },
  ApiWriteFailed: {
    group: 'cluster',
    mend: 'Mostly nothing. If it stays, the message has the words of the API server: a webhook, a quota, a rule of admission.',
  },
  PermissionDenied: {
    group: 'cluster',
    mend: 'Bring the roles of the operator up to date: `kubectl apply -k config/`, or `helm upgrade`.',
  },
  NotificationsReady: { group: 'notification', mend: NOTHING },
  DeliveryFailed: {
    group: 'notification',
    mend: 'Nothing, if it passes: it is tried again. If it stays, see whether the target can be reached from the pod of the operator.',
  },
  DeliveryRefused: {
    group: 'notification',
    mend: 'Mend the token, the channel or the address in the Secret or the NotificationPolicy that the message names.',
  },
  DeliveryRecovered: { group: 'notification', mend: NOTHING },
  NotificationDropped: {
    group: 'notification',
    mend: 'See why the target took nothing for so long. What happened to the release is in its status and Events.',
  },
  CommandExecuted: { group: 'command', mend: NOTHING },
  CommandRefused: {
    group: 'command',
    mend: 'See the message. Mostly the revision is no longer the candidate: `kubectl songbird get` shows which one is.',
  },
} as const satisfies Record<Reason, Mend>;
