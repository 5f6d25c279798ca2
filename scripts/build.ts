import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { rolldown } from 'rolldown';

/**
 * Makes `dist/kubectl-songbird`: the command line as one file, with nothing installed beside it but Node. kubectl finds it as
 * a plugin wherever it lies on the PATH.
 */
const OUT = new URL('../dist/', import.meta.url);
const FILE = new URL('kubectl-songbird', OUT);

/** What undici needs. */
const OLDEST_NODE = 22;
const GUARD = `if (Number(process.versions.node.split('.')[0]) < ${OLDEST_NODE}) {
  console.error('kubectl songbird needs Node ${OLDEST_NODE} or newer, and this is ' + process.versions.node);
  process.exit(2);
}`;

await rm(FILE, { force: true });
await mkdir(OUT, { recursive: true });
const bundle = await rolldown({
  input: new URL('../src/cli/main.ts', import.meta.url).pathname,
  platform: 'node',
  logLevel: 'warn',
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
process.stdout.write(`dist/kubectl-songbird: ${(length / 2 ** 20).toFixed(1)} MiB\n`);
