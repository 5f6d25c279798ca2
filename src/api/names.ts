/** The API group and the names under which Songbird marks what it owns. */
export const GROUP = 'songbird.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

export const LABELS = {
  /** Name of the CanaryRelease that owns an object. */
  release: 'songbird.dev/release',
  /** The revision of a Deployment and of its pods. */
  revision: 'songbird.dev/revision',
  /** On the Deployment and the pods of a fresh baseline: the number of the attempt that it was made for. */
  baseline: 'songbird.dev/baseline',
  app: 'app',
  /** On Jobs of measurements and their pods: name of the CanaryRelease. They are no pods of the release. */
  analysis: 'songbird.dev/analysis',
  /** What Istio's metrics and Kiali call the version. */
  version: 'version',
} as const;

export const ANNOTATIONS = {
  /** On a pod: the port at which its proxy serves statistics, where that is not Istio's 15090. */
  statsPort: 'songbird.dev/stats-port',
  /** On the Deployment of a revision: the report of its last release, packed, after the time at which that began. */
  report: 'songbird.dev/report',
} as const;

/** Keeps a CanaryRelease until its traffic is back on one version. */
export const FINALIZER = 'songbird.dev/traffic';

/** `fieldManager` of everything that Songbird applies. */
export const FIELD_MANAGER = 'songbird';

/** The name of a revision's Deployment. */
export function workloadName(release: string, revision: string): string {
  return `${release}-${revision}`;
}

/**
 * The name of the Deployment of a fresh baseline. No two attempts share one, so that no pod and no counter of an earlier
 * baseline can be taken for one of this.
 */
export function baselineName(release: string, stable: string, attempt: number): string {
  return `${workloadName(release, stable)}-baseline-${attempt}`;
}
