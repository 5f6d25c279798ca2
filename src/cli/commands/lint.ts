import { findingsIn, type Finding } from '../lint/check.ts';
import { documentsOf } from '../lint/documents.ts';
import { commandOf } from '../command.ts';
import { EXIT } from '../shell.ts';
import { OUTPUT_OPTION, UsageError, formatOf } from '../usage.ts';

const HELP = `kubectl songbird lint -f PATH [-f PATH...] [options]

Says what a cluster would refuse, in the same sentences, and needs none. Exit status 1 where something is wrong.

  -f, --file PATH      a file, a directory with all in it, or - for what kustomize or Helm print
  -o, --output json    one JSON array`;

export const lint = commandOf(
  HELP,
  {
    allowPositionals: true,
    options: {
      file: { type: 'string', short: 'f', multiple: true, default: [] },
      ...OUTPUT_OPTION,
    },
  },
  async ({ values, positionals }, { output }) => {
    const format = formatOf(values.output, ['json']);
    const paths = [...values.file, ...positionals];
    if (paths.length === 0)
      throw new UsageError('which files? kubectl songbird lint -f PATH, or - for standard input');
    const { found, unreadable } = await documentsOf(paths);
    const { checked, findings } = findingsIn(found);
    const all: Finding[] = [...unreadable.map((one) => ({ ...one, object: 'YAML' })), ...findings];
    if (format === 'json') output.print(JSON.stringify(all, null, 2));
    else {
      for (const { file, line, object, message } of all)
        output.print(`${file === '-' ? 'standard input' : file}:${line}: ${object}: ${message}`);
      const objects = checked === 1 ? '1 object' : `${checked} objects`;
      if (all.length === 0)
        output.print(checked === 0 ? 'nothing of Songbird is in there' : `${objects}: nothing is wrong`);
    }
    return all.length === 0 ? EXIT.done : EXIT.failed;
  },
);
