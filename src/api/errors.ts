/**
 * The catalogue: every reason that a condition, an Event or a log line of Songbird can carry, with what it means. Users
 * search for these words; docs/reference/errors.md is made from this table.
 */
export const CATALOGUE = {
  // The course of a release.
  Initializing: 'The first revision is being brought up; there is nothing yet to fall back to.',
  Healthy: 'The wanted revision serves all traffic.',
  Promoted: 'A release went through all its steps; its revision is the stable one now.',
  Progressing: 'A release is going out step by step.',
  Paused: 'A release waits for a person: resume, promote or abort it by a ReleaseCommand.',
  RollingBack: 'A release was given up; traffic is going back to the stable revision.',
  Reverted: 'The template went back to the stable one in mid-release; the candidate was dropped.',
  Superseded: 'Another revision replaced the candidate in mid-release; the release starts again with it.',
  ScaledToZero: 'replicas is 0: nothing serves; a new revision goes out with the first pods.',
  WaitingForPods: 'The next weight waits until enough pods of the revision are ready.',
  WaitingForBaseline:
    'The next weight waits until enough pods of the fresh baseline are ready (spec.analysis.freshBaseline).',
  WaitingForStable: 'Traffic cannot go back yet: the stable revision has no ready pod.',
  WaitingForTraffic: 'The new weight is written and not yet observed.',
  // Why a release was rolled back.
  AnalysisFailed: 'The candidate exceeded a limit of spec.analysis.',
  Aborted: 'A person or a pipeline ordered abort.',
  ProgressDeadlineExceeded:
    'A step made no progress within spec.progressDeadline; mostly its pods never became ready.',
  CandidateUnstable:
    'The candidate lost its last ready pod three times at one weight: its containers crash, or its readiness probe fails.',
  Inconclusive:
    'There was not enough evidence for or against the candidate before the deadline, mostly too few requests.',
  // What stalls a release until it is mended.
  InvalidSpec:
    'The object breaks a rule that the API server does not check, or that the installed CRD lacks. Mend the field named.',
  PodsNotStarting:
    'A container of the revision cannot start: a wrong image, a crash, or missing configuration.',
  ServiceMismatch: 'The existing Service does not fit spec.service or does not select the pods.',
  HostNotFound: 'A host of spec.traffic.istio.hosts is no Service of the namespace.',
  GatewayNotFound: 'A gateway of spec.traffic.istio.gateways does not exist.',
  WorkloadConflict: 'Another CanaryRelease already manages this Service or host.',
  NameConflict: 'An object with the name that Songbird needs exists and belongs to someone else.',
  RouterMissing: "The mesh's CRDs are not installed in this cluster.",
  TemplateNotFound: 'A template of spec.analysis.templates does not exist.',
  TemplateInvalid: 'A template cannot be used as it is: a query, an expression or a placeholder is wrong.',
  ArgumentMissing: 'A template needs an argument that the release does not give.',
  ArgumentInvalid:
    'An argument of a template does not fit its type or its place, or is not one of its arguments.',
  SecretUnreadable:
    'A Secret that the analysis or a notification needs does not exist, lacks the key, or may not be read.',
  TelemetryUnreachable: 'The source of request counts cannot be read.',
  TelemetryInvalid: 'The source of request counts answered something that cannot be used.',
  // Faults of the surroundings.
  ApiWriteFailed: 'The API server refused a write; it is tried again.',
  PermissionDenied: 'The operator lacks a permission; its ClusterRole must allow it.',
  // Notifications.
  NotificationsReady: 'The targets of a NotificationPolicy can be written to, as far as is known.',
  DeliveryFailed:
    'A target of a NotificationPolicy did not take a message: it does not answer, or answers that it is busy or broken. It is tried again.',
  DeliveryRefused:
    'A target of a NotificationPolicy refuses messages: a token, a channel or an address is wrong. It is tried again, more seldom.',
  DeliveryRecovered: 'A target of a NotificationPolicy takes messages again.',
  NotificationDropped:
    'A message was given up: its target did not take it for a day, or too many waited for it. The release is not concerned.',
  // Commands.
  CommandExecuted: 'A ReleaseCommand was executed.',
  CommandRefused: 'A ReleaseCommand was refused; its message says why.',
} as const satisfies Record<string, string>;

export type Reason = keyof typeof CATALOGUE;

/** Something that keeps a release from starting or going on until someone mends it. */
export interface Problem {
  readonly reason: Reason;
  /** What is wrong, in which field of which object, and what to do. */
  readonly message: string;
}
