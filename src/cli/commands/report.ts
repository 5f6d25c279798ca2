import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { commandOf } from '../command.ts';
import { nameIn, oneName, releaseNamed } from '../releases.ts';
import { findReport } from '../report/find.ts';
import { htmlOf } from '../report/html.ts';
import { markdownOf } from '../report/markdown.ts';
import type { ReportView } from '../report/view.ts';
import { CLUSTER_HELP, CLUSTER_OPTIONS, EXIT } from '../shell.ts';
import { OUTPUT_OPTION, UsageError, formatOf } from '../usage.ts';
import { viewOf } from '../view/release.ts';

const HELP = `kubectl songbird report NAME [REVISION] [options]

How a release went: timeline, curves of errors and latency on both sides, evidence against its limit, counts, verdicts, and
who ordered what. Of the release in progress, or of the last one; of an earlier one by the beginning of its revision, as
long as its Deployment is there.

  -o, --output FORMAT  html (one page that needs nothing else), md or json; by the name of the file, or else md
  --output-file FILE   writes it there
${CLUSTER_HELP}`;

const FORMATS = ['html', 'md', 'json'] as const;
type Format = (typeof FORMATS)[number];

const WRITERS: Readonly<Record<Format, (view: ReportView) => string>> = {
  html: htmlOf,
  md: markdownOf,
  json: (view) => `${JSON.stringify(view, null, 2)}\n`,
};

export const report = commandOf(
  HELP,
  {
    allowPositionals: true,
    options: { ...CLUSTER_OPTIONS, ...OUTPUT_OPTION, 'output-file': { type: 'string' } },
  },
  async ({ values, positionals }, shell) => {
    const { output } = shell;
    const [named, revision, ...more] = positionals;
    const name = oneName(named === undefined ? [] : [nameIn(named), ...more], 'report');
    const file = values['output-file'];
    const format = formatOf(values.output, FORMATS) ?? formatBy(file);
    const cluster = await shell.connect(values);
    const view = await findReport(cluster, viewOf(await releaseNamed(cluster, name)), revision);
    const text = WRITERS[format](view);
    if (file === undefined) output.print(text.trimEnd());
    else {
      await written(file, text);
      output.print(file);
    }
    return EXIT.done;
  },
);

function formatBy(file: string | undefined): Format {
  if (file === undefined) return 'md';
  const ending = extname(file).slice(1).toLowerCase();
  return FORMATS.find((one) => one === ending) ?? 'html';
}

/** @throws UsageError where the file cannot be written */
async function written(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new UsageError(`cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
