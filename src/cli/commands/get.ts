import { stringify } from 'yaml';
import type { CanaryReleaseObject } from '../../api/index.ts';
import { canaryReleases } from '../../api/resources.ts';
import type { ApiClient } from '../../kube/types.ts';
import { isApiError } from '../../kube/types.ts';
import { absence, nameIn, releaseNamed } from '../releases.ts';
import { commandOf } from '../command.ts';
import { CLUSTER_HELP, CLUSTER_OPTIONS, EXIT } from '../shell.ts';
import { OUTPUT_OPTION, UsageError, formatOf } from '../usage.ts';
import { type ReleaseView, viewOf } from '../view/release.ts';
import { ago } from '../view/status.ts';
import { table } from '../view/table.ts';

const HELP = `kubectl songbird get [NAME...] [options]

Lists releases: where each is, and why.

  -A, --all-namespaces   of all namespaces
  -o, --output FORMAT    wide, json, yaml or name
${CLUSTER_HELP}`;

const FORMATS = ['wide', 'json', 'yaml', 'name'] as const;

export const get = commandOf(
  HELP,
  {
    allowPositionals: true,
    options: {
      ...CLUSTER_OPTIONS,
      'all-namespaces': { type: 'boolean', short: 'A', default: false },
      ...OUTPUT_OPTION,
    },
  },
  async ({ values, positionals }, shell) => {
    const { output } = shell;
    const format = formatOf(values.output, FORMATS);
    const everywhere = values['all-namespaces'];
    if (everywhere && positionals.length > 0)
      throw new UsageError('a name is of one namespace: leave -A out, or the name');
    const cluster = await shell.connect(values);
    const releases =
      positionals.length > 0
        ? await Promise.all(positionals.map((name) => releaseNamed(cluster, nameIn(name))))
        : await listed(cluster.client, everywhere ? undefined : cluster.namespace);
    if (releases.length === 0) {
      output.complain(everywhere ? 'there is no CanaryRelease in this cluster' : await absence(cluster, ''));
      return EXIT.done;
    }
    for (const line of linesOf(releases, format, {
      everywhere,
      now: shell.clock.now(),
      columns: output.columns,
    }))
      output.print(line);
    return EXIT.done;
  },
);

/** Page by page: a cluster may hold thousands. */
async function listed(client: ApiClient, namespace: string | undefined): Promise<CanaryReleaseObject[]> {
  const all: CanaryReleaseObject[] = [];
  let next: string | undefined;
  try {
    do {
      const page = await client.list<CanaryReleaseObject>(canaryReleases, {
        namespace,
        limit: 500,
        continue: next,
      });
      all.push(...page.items);
      next = page.continue === '' ? undefined : page.continue;
    } while (next !== undefined);
  } catch (error) {
    if (!isApiError(error, 404)) throw error;
    throw new UsageError(await absence({ client, namespace: namespace ?? 'default' }, ''));
  }
  return all;
}

function linesOf(
  releases: readonly CanaryReleaseObject[],
  format: (typeof FORMATS)[number] | undefined,
  { everywhere, now, columns }: { everywhere: boolean; now: number; columns: number | undefined },
): string[] {
  switch (format) {
    case 'json':
      return [JSON.stringify(documentOf(releases), null, 2)];
    case 'yaml':
      return [stringify(documentOf(releases)).trimEnd()];
    case 'name':
      return releases.map(({ metadata }) => `canaryrelease.songbird.dev/${metadata.name}`);
    case 'wide':
    case undefined:
      return tableOf(releases.map(viewOf), { everywhere, wide: format === 'wide', now, columns });
  }
}

/** As kubectl gives it: one object as it is, several as a List. */
function documentOf(releases: readonly CanaryReleaseObject[]): unknown {
  const [only, ...others] = releases;
  return others.length === 0 ? only : { apiVersion: 'v1', kind: 'List', items: releases };
}

function tableOf(
  views: readonly ReleaseView[],
  {
    everywhere,
    wide,
    now,
    columns,
  }: { everywhere: boolean; wide: boolean; now: number; columns: number | undefined },
): string[] {
  const heading = [
    ...(everywhere ? ['NAMESPACE'] : []),
    ...['NAME', 'PHASE', 'STEP', 'WEIGHT'],
    ...(wide ? ['STABLE', 'CANDIDATE'] : []),
    ...['AGE', 'MESSAGE'],
  ];
  const rows = views.map(({ name, namespace, status, createdAt, problems }) => {
    const { phase = 'Unseen', step, stableRevision = '', candidateRevision = '', message = '' } = status;
    return [
      ...(everywhere ? [namespace] : []),
      name,
      phase,
      step === undefined ? '' : `${step.index}/${step.of}`,
      step === undefined ? '' : `${step.observedWeight}%`,
      ...(wide ? [stableRevision, candidateRevision] : []),
      createdAt === undefined ? '' : ago(new Date(createdAt).toISOString(), now),
      problems[0]?.message ?? message,
    ];
  });
  return table(heading, rows, wide ? undefined : columns);
}
