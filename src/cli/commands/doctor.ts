import type { CanaryReleaseObject } from '../../api/index.ts';
import { canaryReleases } from '../../api/resources.ts';
import { type Check, lookAll } from '../doctor/check.ts';
import { clusterChecks } from '../doctor/cluster.ts';
import { releaseChecks } from '../doctor/release.ts';
import { nameIn, releaseNamed } from '../releases.ts';
import { commandOf } from '../command.ts';
import { CLUSTER_HELP, CLUSTER_OPTIONS, type Cluster, EXIT } from '../shell.ts';
import { OUTPUT_OPTION, formatOf } from '../usage.ts';
import { viewOf } from '../view/release.ts';
import { type Style, styleFor, wrapped } from '../view/style.ts';

const HELP = `kubectl songbird doctor [NAME...] [options]

What a release needs: CRDs, an operator that leads, rights, Istio, Services with port names, sidecars, Gateways. Says what is
there, what is missing, and how to mend it; of all releases of the namespace, or of those that are named. Exit status 1
where something is missing.

  -o, --output json    one JSON array
${CLUSTER_HELP}`;

const COLUMNS = 100;

export const doctor = commandOf(
  HELP,
  {
    allowPositionals: true,
    options: { ...CLUSTER_OPTIONS, ...OUTPUT_OPTION },
  },
  async ({ values, positionals }, shell) => {
    const { output } = shell;
    const format = formatOf(values.output, ['json']);
    const cluster = await shell.connect(values);
    const parts = [
      { about: 'cluster', checks: await clusterChecks(cluster.client, cluster.namespace, shell.clock.now()) },
      ...(await Promise.all((await releasesOf(cluster, positionals)).map((one) => examined(one, cluster)))),
    ];
    if (format === 'json') output.print(JSON.stringify(parts, null, 2));
    else {
      const style = styleFor(output.color === true);
      const width = Math.min(COLUMNS, output.columns ?? COLUMNS);
      for (const line of parts.flatMap(({ about, checks }) => linesOf(about, checks, width, style)))
        output.print(line);
    }
    return parts.some(({ checks }) => checks.some(({ state }) => state === 'bad')) ? EXIT.failed : EXIT.done;
  },
);

async function releasesOf(
  cluster: Cluster,
  names: readonly string[],
): Promise<readonly CanaryReleaseObject[]> {
  if (names.length > 0) return Promise.all(names.map((name) => releaseNamed(cluster, nameIn(name))));
  const looked = await lookAll<CanaryReleaseObject>(cluster.client, canaryReleases, {
    namespace: cluster.namespace,
  });
  return 'found' in looked ? (looked.found ?? []) : [];
}

async function examined(release: CanaryReleaseObject, { client }: Cluster) {
  const view = viewOf(release);
  return { about: `${view.namespace}/${view.name}`, checks: await releaseChecks(client, view) };
}

function linesOf(about: string, checks: readonly Check[], width: number, style: Style): string[] {
  const marks = { good: style.good('✔'), bad: style.bad('✘'), unknown: style.dim('?') };
  return [
    style.bold(about),
    ...checks.flatMap(({ state, sentence, mend }) => [
      ...wrapped(sentence, width - 4).map((line, at) => `${at === 0 ? `  ${marks[state]} ` : '    '}${line}`),
      ...(mend === undefined ? [] : wrapped(`→ ${mend}`, width - 4).map((line) => `    ${line}`)),
    ]),
  ];
}
