import { ANNOTATIONS, type Deployment } from '../api/index.ts';

/** The annotation that keeps a report: when the release began, which says whose it is, and the report itself, packed. */
export function keptReport(startedAt: string, packed: string): string {
  return `${startedAt} ${packed}`;
}

/** When the release began whose report a Deployment keeps; undefined where it keeps none. */
export function reportedIn({ metadata }: Deployment): string | undefined {
  return metadata.annotations?.[ANNOTATIONS.report]?.split(' ', 1)[0];
}

/** A Deployment without the report that it keeps, all but the time that says whose it is. */
export function withoutReport(deployment: Deployment): Deployment {
  const { metadata } = deployment;
  const startedAt = reportedIn(deployment);
  if (startedAt === undefined) return deployment;
  const annotations = { ...metadata.annotations, [ANNOTATIONS.report]: startedAt };
  return { ...deployment, metadata: { ...metadata, annotations } };
}
