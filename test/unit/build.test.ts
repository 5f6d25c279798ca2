import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

function run(...words: string[]) {
  const [command = '', ...args] = words;
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('the built command line', () => {
  it('is one file that does what the sources do', () => {
    const built = run(process.execPath, 'scripts/build.ts');
    expect(built.stderr).toBe('');
    const file = join(ROOT, 'dist/kubectl-songbird');
    const { status, stdout } = run(process.execPath, file, 'lint', '-f', 'examples');
    expect(stdout).toMatch(/^\d+ objects: nothing is wrong\n$/);
    expect(status).toBe(0);
    expect(run(process.execPath, file).stdout).toBe(run(process.execPath, 'src/cli/main.ts').stdout);
    const nowhere = run(process.execPath, file, 'get', '--kubeconfig', '/nowhere');
    expect(nowhere.stderr).toMatch(/^the kubeconfig \/nowhere cannot be read: /);
    expect(nowhere.status).toBe(2);
  });
});
