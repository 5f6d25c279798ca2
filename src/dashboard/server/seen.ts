import {
  type CanaryReleaseObject,
  type CanaryReleaseSpec,
  type CanaryReleaseStatus,
  parseRelease,
} from '../../api/index.ts';
import type { KubeObject } from '../../kube/types.ts';

/** What the dashboard keeps of a release: of thousands, pod templates and what the next pass goes on from would fill the memory. */
export interface SeenRelease extends KubeObject {
  readonly status: CanaryReleaseStatus;
  /** Undefined where the manifest breaks a rule. */
  readonly spec: SeenSpec | undefined;
  /** What breaks a rule, a sentence each. */
  readonly problems: readonly string[];
}

export interface SeenSpec extends Pick<CanaryReleaseSpec, 'steps' | 'progressDeadline'> {
  readonly latency: CanaryReleaseSpec['analysis']['latency'];
}

export function seen(object: CanaryReleaseObject): SeenRelease {
  const { apiVersion, kind, metadata } = object;
  const parsed = parseRelease(object);
  const { analysis, ...status } = parsed.status;
  return {
    apiVersion,
    kind,
    metadata: only(metadata, ['namespace', 'name', 'uid', 'resourceVersion']),
    status: {
      ...status,
      ...(analysis === undefined
        ? {}
        : { analysis: { ...analysis, metrics: analysis.metrics.map(({ state, ...metric }) => metric) } }),
    },
    spec: parsed.ok ? specOf(parsed.spec) : undefined,
    problems: parsed.ok ? [] : parsed.problems.map(({ message }) => message),
  };
}

/** These fields alone, where they are set. */
function only(metadata: CanaryReleaseObject['metadata'], fields: readonly string[]): KubeObject['metadata'] {
  const kept = Object.entries(metadata).filter(([field]) => fields.includes(field));
  return { name: metadata.name, ...Object.fromEntries(kept) };
}

function specOf({ steps, progressDeadline, analysis }: CanaryReleaseSpec): SeenSpec {
  return { steps, progressDeadline, latency: analysis.latency };
}
