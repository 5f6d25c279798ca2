import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { rolldown } from 'rolldown';
import { readWebFiles } from '../src/dashboard/server/web-files.ts';

/**
 * Makes `dist/kubectl-songbird`: the command line as one file, the dashboard's page included, with nothing installed beside it
 * but Node. kubectl finds it as a plugin wherever it lies on the PATH. `--out DIR` makes it elsewhere.
 */
const { values } = parseArgs({ options: { out: { type: 'string' } } });
const ROOT = join(import.meta.dirname, '..');
const OUT = values.out === undefined ? join(ROOT, 'dist') : resolve(values.out);
const FILE = join(OUT, 'kubectl-songbird');
/** Reads the page's files, which will not be there. */
const WEB_FILES = join(ROOT, 'src/dashboard/server/web-files.ts');

/** What undici needs. */
const OLDEST_NODE = 22;
const GUARD = `if (Number(process.versions.node.split('.')[0]) < ${OLDEST_NODE}) {
  console.error('kubectl songbird needs Node ${OLDEST_NODE} or newer, and this is ' + process.versions.node);
  process.exit(2);
}`;

await rm(FILE, { force: true });
await mkdir(OUT, { recursive: true });
const webFiles = JSON.stringify(await readWebFiles());
const bundle = await rolldown({
  input: join(ROOT, 'src/cli/main.ts'),
  platform: 'node',
  logLevel: 'warn',
  plugins: [
    {
      name: 'web-files',
      load: (id) => (id === WEB_FILES ? `export const readWebFiles = async () => (${webFiles});` : undefined),
    },
  ],
});
const { output } = await bundle.generate({
  format: 'esm',
  minify: true,
  codeSplitting: false,
  banner: `#!/usr/bin/env node\n${GUARD}`,
});
await bundle.close();
const [{ code }] = output;
await writeFile(FILE, code);
await chmod(FILE, 0o755);
const { length } = await readFile(FILE);
process.stdout.write(`${FILE}: ${(length / 2 ** 20).toFixed(1)} MiB\n`);
