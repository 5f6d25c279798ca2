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
  metadata: { timestamp?: string; component: { name: string; 'bom-ref': string } };
  components: { readonly 'bom-ref': string }[];
  dependencies: { readonly ref: string; dependsOn: string[] }[];
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly dev?: boolean }>>;
}

const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only'];
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
await omitDevelopment(bom);
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

/** With `--omit=dev` npm leaves out what production needs, too, wherever development needs it as well. */
async function omitDevelopment(bom: Bom): Promise<void> {
  const { packages } = JSON.parse(await readFile(new URL('package-lock.json', ROOT), 'utf8')) as Lock;
  const installed = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true);
  const refs = new Set(
    installed.map(([path, { version = '' }]) => `${path.replace(/^.*node_modules[/]/, '')}@${version}`),
  );
  bom.components = bom.components.filter((component) => refs.has(component['bom-ref']));
  refs.add(bom.metadata.component['bom-ref']);
  bom.dependencies = bom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) }));
  const missing = [...refs].filter((ref) => !bom.dependencies.some((one) => one.ref === ref));
  if (missing.length > 0) throw new Error(`npm sbom leaves out ${missing.join(', ')}`);
}

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
