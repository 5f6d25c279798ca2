import { stringify } from 'yaml';
import { type Deployment, LABELS } from '../../api/index.ts';
import { deployments } from '../../kube/well-known.ts';
import { commandOf } from '../command.ts';
import { CLUSTER_HELP, CLUSTER_OPTIONS, type Cluster, EXIT } from '../shell.ts';
import { UsageError } from '../usage.ts';
import { diffOf, shortDiff } from '../view/diff.ts';
import { styleFor } from '../view/style.ts';

const HELP = `kubectl songbird diff REVISION REVISION [options]

What differs between the pod templates of two revisions whose Deployments are still there. The beginnings of their names
are enough. Exit status 1 where they differ, as of diff.

${CLUSTER_HELP}`;

/** Lines around each that differs. */
const AROUND = 3;

export const diff = commandOf(
  HELP,
  {
    allowPositionals: true,
    options: CLUSTER_OPTIONS,
  },
  async ({ values, positionals }, shell) => {
    const { output } = shell;
    const [from, to, ...more] = positionals;
    if (from === undefined || to === undefined || more.length > 0)
      throw new UsageError(
        'two revisions: kubectl songbird diff REVISION REVISION; status and history name them',
      );
    const cluster = await shell.connect(values);
    const [before, after] = await bothOf(cluster, from, to);
    const lines = diffOf(linesOf(before), linesOf(after));
    if (lines.every(({ sign }) => sign === ' ')) {
      output.print(`revisions ${revisionOf(before)} and ${revisionOf(after)} have the same template`);
      return EXIT.done;
    }
    const style = styleFor(output.color === true);
    output.print(`--- ${revisionOf(before)}`);
    output.print(`+++ ${revisionOf(after)}`);
    for (const line of shortDiff(lines, AROUND))
      output.print(line.startsWith('-') ? style.bad(line) : line.startsWith('+') ? style.good(line) : line);
    return EXIT.failed;
  },
);

async function bothOf(
  { client, namespace }: Cluster,
  from: string,
  to: string,
): Promise<[Deployment, Deployment]> {
  const { items } = await client.list<Deployment>(deployments, { namespace, labelSelector: LABELS.revision });
  const own = items.filter(({ metadata }) => metadata.labels?.[LABELS.baseline] === undefined);
  const found = (wanted: string) => {
    const all = own.filter((one) => revisionOf(one).startsWith(wanted));
    const [only, ...others] = all;
    const names = own
      .map((one) => `${revisionOf(one)} of ${one.metadata.labels?.[LABELS.release] ?? ''}`)
      .sort();
    if (only === undefined)
      throw new UsageError(
        `there is no Deployment of a revision ${wanted} in namespace ${namespace}; there are ${names.join(', ') || 'none'}`,
      );
    if (others.length > 0)
      throw new UsageError(`${wanted} may be ${all.map(revisionOf).join(' or ')}: give more of it`);
    return only;
  };
  return [found(from), found(to)];
}

function revisionOf({ metadata }: Deployment): string {
  return metadata.labels?.[LABELS.revision] ?? '';
}

/** The pod template as its author wrote it, without what Songbird adds for each revision. */
function linesOf({ spec }: Deployment): string[] {
  const template = structuredClone(spec.template) as { metadata?: { labels?: Record<string, string> } };
  const { labels = {} } = template.metadata ?? {};
  for (const own of [LABELS.revision, LABELS.release, 'version', 'app']) Reflect.deleteProperty(labels, own);
  return stringify(template, { sortMapEntries: true }).trimEnd().split('\n');
}
