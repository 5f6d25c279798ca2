import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/**
 * Makes `dist/sbom.cdx.json`: the packages of the operator's image, as CycloneDX. The same lock file gives the same bytes; what
 * the base image brings is not in it.
 */
const ROOT = new URL('../', import.meta.url);
const OUT = new URL('dist/', ROOT);

interface Bom {
  serialNumber?: string;
  metadata: { timestamp?: string; component: { name: string } };
  components: unknown[];
}

const args = [
  'sbom',
  '--sbom-format=cyclonedx',
  '--sbom-type=application',
  '--omit=dev',
  '--package-lock-only',
];
const { status, error, stdout, stderr } = spawnSync('npm', args, {
  cwd: fileURLToPath(ROOT),
  encoding: 'utf8',
  maxBuffer: 2 ** 26,
});
if (error !== undefined || status !== 0) {
  throw new Error(`npm ${args.join(' ')} failed: ${error?.message ?? stderr.trim()}`);
}
const bom = JSON.parse(stdout) as Bom;
const { name } = JSON.parse(await readFile(new URL('package.json', ROOT), 'utf8')) as { name: string };
// npm takes the directory's name, the time and a random number.
bom.metadata.component.name = name;
delete bom.metadata.timestamp;
const epoch = process.env['SOURCE_DATE_EPOCH'];
if (epoch !== undefined) bom.metadata.timestamp = new Date(Number(epoch) * 1000).toISOString();
delete bom.serialNumber;
bom.serialNumber = `urn:uuid:${uuidOf(JSON.stringify(bom))}`;

await mkdir(OUT, { recursive: true });
await writeFile(new URL('sbom.cdx.json', OUT), `${JSON.stringify(bom, undefined, 2)}\n`);
process.stdout.write(`dist/sbom.cdx.json: ${bom.components.length} packages\n`);

/** A UUID of version 8, made from a text. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
