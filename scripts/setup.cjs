// Makes `npm run demo` and `npm test` work on a bare clone: runs before them, on whatever Node the machine
// has (hence CommonJS and nothing newer than Node 20), and installs when node_modules is missing or was made
// for another package-lock.json.
const { execSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const root = path.dirname(__dirname);
const stamp = path.join(root, 'node_modules', '.songbird-lock');
const lock = createHash('sha256')
  .update(readFileSync(path.join(root, 'package-lock.json')))
  .digest('hex');
const installed = existsSync(stamp) ? readFileSync(stamp, 'utf8') : '';

if (installed !== lock) {
  const [major] = process.versions.node.split('.').map(Number);
  if (major < 20) {
    console.error(`Songbird needs Node 20 or newer to install; this is ${process.version}.`);
    process.exit(1);
  }
  console.error('Installing dependencies (once, less than a minute)…');
  execSync('npm ci --no-audit --no-fund --loglevel=error', { cwd: root, stdio: ['ignore', 2, 2] });
  writeFileSync(stamp, lock);
}
