import {
  ANNOTATIONS,
  type Deployment,
  type HistoryEntry,
  type ReleaseReport,
  releaseReport,
  workloadName,
} from '../../api/index.ts';
import { unpackJson } from '../../kube/packed-json.ts';
import { isApiError } from '../../kube/types.ts';
import { deployments } from '../../kube/well-known.ts';
import type { Cluster } from '../shell.ts';
import { UsageError } from '../usage.ts';
import type { ReleaseView } from '../view/release.ts';
import { type ReportView, bareView, liveView, reportView } from './view.ts';

/**
 * The report of the release in progress, or of the last one; with a revision that of its last release.
 *
 * @param wanted the beginning of a revision is enough
 * @throws UsageError where there is no such release
 */
export async function findReport(
  cluster: Cluster,
  release: ReleaseView,
  wanted: string | undefined,
): Promise<ReportView> {
  const { name, namespace, status } = release;
  const named = { name, namespace };
  const isLive = status.candidateRevision?.startsWith(wanted ?? '') === true;
  const live = isLive ? liveView(named, status) : undefined;
  if (live !== undefined) return live;
  const entry = entryOf(release, wanted);
  const kept = await keptOf(cluster, release, entry);
  return typeof kept === 'string'
    ? bareView(named, entry, kept)
    : reportView(named, { ...kept, release: entry });
}

function entryOf({ name, status }: ReleaseView, wanted: string | undefined): HistoryEntry {
  const { history = [] } = status;
  const found = history.filter(({ revision }) => revision.startsWith(wanted ?? ''));
  const [entry] = found;
  const known = [...new Set(history.map(({ revision }) => revision))].join(', ');
  if (entry === undefined)
    throw new UsageError(
      wanted === undefined
        ? `no release of ${name} has begun yet`
        : `no release of ${name} is known of a revision ${wanted}; its history has ${known || 'none'}`,
    );
  const revisions = [...new Set(found.map(({ revision }) => revision))];
  if (wanted !== undefined && revisions.length > 1)
    throw new UsageError(`${wanted} may be ${revisions.join(' or ')}: give more of it`);
  return entry;
}

/** What was kept of a release, or why nothing is. */
async function keptOf(
  { client }: Cluster,
  { name, namespace, status }: ReleaseView,
  { revision, startedAt, outcome }: HistoryEntry,
): Promise<ReleaseReport | string> {
  if (status.report?.release.startedAt === startedAt) return status.report;
  if (outcome === 'Initial') return 'it was the first revision, and is compared with none';
  try {
    const ref = { namespace, name: workloadName(name, revision) };
    const { metadata } = await client.get<Deployment>(deployments, ref);
    const [of, packed = ''] = metadata.annotations?.[ANNOTATIONS.report]?.split(' ') ?? [];
    if (of === undefined) return `Deployment ${ref.name} keeps no report of it`;
    if (of !== startedAt)
      return `Deployment ${ref.name} keeps the report of another release of revision ${revision}`;
    const parsed = releaseReport.safeParse(unpackJson(packed));
    return parsed.success
      ? parsed.data
      : `the annotation ${ANNOTATIONS.report} of Deployment ${ref.name} cannot be read`;
  } catch (error) {
    if (isApiError(error, 404))
      return `the Deployment of revision ${revision}, which kept them, is gone; spec.revisionHistoryLimit keeps more`;
    if (isApiError(error, 403)) return error.message;
    throw error;
  }
}
