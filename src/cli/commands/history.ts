import { formatDuration } from '../../api/index.ts';
import { oneName, releaseNamed } from '../releases.ts';
import { commandOf } from '../command.ts';
import { CLUSTER_HELP, CLUSTER_OPTIONS, EXIT } from '../shell.ts';
import { OUTPUT_OPTION, formatOf } from '../usage.ts';
import { viewOf } from '../view/release.ts';
import { ago } from '../view/status.ts';
import { table } from '../view/table.ts';

const HELP = `kubectl songbird history NAME [options]

The last releases, the latest first: how each ended, how long it took, and how many requests it met.

  -o, --output json    one JSON array
${CLUSTER_HELP}`;

export const history = commandOf(
  HELP,
  {
    allowPositionals: true,
    options: { ...CLUSTER_OPTIONS, ...OUTPUT_OPTION },
  },
  async ({ values, positionals }, shell) => {
    const { output } = shell;
    const format = formatOf(values.output, ['json']);
    const name = oneName(positionals, 'history');
    const cluster = await shell.connect(values);
    const { status } = viewOf(await releaseNamed(cluster, name));
    const { history: entries = [] } = status;
    if (format === 'json') {
      output.print(JSON.stringify(entries, null, 2));
      return EXIT.done;
    }
    if (entries.length === 0) {
      output.complain(`no release of ${name} is over yet`);
      return EXIT.done;
    }
    const heading = ['FINISHED', 'REVISION', 'VERSION', 'OUTCOME', 'TOOK', 'REQUESTS', 'FAILED', 'WHY'];
    const rows = entries.map((entry) => [
      `${ago(entry.finishedAt, shell.clock.now())} ago`,
      entry.revision,
      entry.version ?? '',
      entry.outcome,
      formatDuration(Date.parse(entry.finishedAt) - Date.parse(entry.startedAt)),
      String(Math.round(entry.requests)),
      String(Math.round(entry.failed)),
      entry.message,
    ]);
    for (const line of table(heading, rows, output.columns)) output.print(line);
    return EXIT.done;
  },
);
