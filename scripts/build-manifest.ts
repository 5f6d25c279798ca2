import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installManifest } from './install-manifest.ts';

/** Makes `dist/install.yaml`: everything of config/ in one file, for `kubectl apply -f`. */
const CONFIG = fileURLToPath(new URL('../config', import.meta.url));
const OUT = new URL('../dist/', import.meta.url);

const { values } = parseArgs({ options: { image: { type: 'string' } } });
const text = await installManifest(CONFIG, values.image);
await mkdir(OUT, { recursive: true });
await writeFile(new URL('install.yaml', OUT), text);
process.stdout.write(`dist/install.yaml: ${text.split('\n---\n').length} objects\n`);
