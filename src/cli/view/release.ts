import {
  type CanaryReleaseObject,
  type CanaryReleaseSpec,
  type CanaryReleaseStatus,
  type Problem,
  parseRelease,
} from '../../api/index.ts';

/** A CanaryRelease as it is looked at. */
export interface ReleaseView {
  readonly name: string;
  readonly namespace: string;
  readonly createdAt: number | undefined;
  readonly deleting: boolean;
  /** Undefined where the manifest breaks a rule; then there are problems. */
  readonly spec: CanaryReleaseSpec | undefined;
  readonly problems: readonly Problem[];
  readonly status: CanaryReleaseStatus;
  /** False while the operator has not seen the present manifest: what status says is about an earlier one. */
  readonly isSeen: boolean;
}

export function viewOf(object: CanaryReleaseObject): ReleaseView {
  const { metadata } = object;
  const parsed = parseRelease(object);
  const { status } = parsed;
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    createdAt: metadata.creationTimestamp === undefined ? undefined : Date.parse(metadata.creationTimestamp),
    deleting: metadata.deletionTimestamp !== undefined,
    spec: parsed.ok ? parsed.spec : undefined,
    problems: parsed.ok ? [] : parsed.problems,
    status,
    isSeen: status.observedGeneration === metadata.generation,
  };
}

/** True while a revision goes out or is being taken back. */
export function isUnderWay({ status }: ReleaseView): boolean {
  return status.candidateRevision !== undefined;
}

/** `8f3c21aa (v2)`: a revision, with the version that the manifest gives it where it is the one of the manifest. */
export function revisionText(revision: string, { status }: ReleaseView): string {
  const version = status.history?.find((entry) => entry.revision === revision)?.version;
  return version === undefined ? revision : `${revision} (${version})`;
}
