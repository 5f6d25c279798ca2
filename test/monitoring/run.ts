import { spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';

/** The alerts of config/monitoring, and the queries of its dashboard, tried by the tool that comes with Prometheus. */
const DASHBOARD = new URL('../../config/monitoring/dashboard.json', import.meta.url);
const RULES = new URL('../../config/monitoring/prometheus-rule.yaml', import.meta.url);
const TESTS = new URL('rules.test.yaml', import.meta.url);

const dir = await mkdtemp(join(tmpdir(), 'songbird-rules-'));
try {
  const { spec } = parse(await readFile(RULES, 'utf8')) as { spec: unknown };
  await writeFile(join(dir, 'rules.yaml'), stringify(spec));
  await writeFile(join(dir, 'queries.yaml'), stringify(await queries()));
  await copyFile(TESTS, join(dir, 'rules.test.yaml'));
  promtool('check', 'rules', '--lint=all', '--lint-fatal', 'rules.yaml');
  promtool('check', 'rules', 'queries.yaml');
  promtool('test', 'rules', 'rules.test.yaml');
} finally {
  await rm(dir, { recursive: true });
}

/** The queries of the dashboard, as rules: those are what the tool can read. */
async function queries(): Promise<unknown> {
  const { panels } = JSON.parse(await readFile(DASHBOARD, 'utf8')) as {
    panels: { targets?: { expr: string }[] }[];
  };
  const rules = panels
    .flatMap(({ targets = [] }) => targets)
    .map(({ expr }, index) => ({
      record: `dashboard:query:${index}`,
      expr: expr.replaceAll(/\$(namespace|release)/g, '.*'),
    }));
  return { groups: [{ name: 'dashboard', rules }] };
}

function promtool(...args: string[]): void {
  const { error, status } = spawnSync('promtool', args, { cwd: dir, stdio: 'inherit' });
  if (error !== undefined) {
    process.stderr.write(
      `promtool cannot be run (${error.message}): install Prometheus, which it comes with\n`,
    );
    process.exitCode = 1;
  } else if (status !== 0) process.exitCode = status ?? 1;
}
