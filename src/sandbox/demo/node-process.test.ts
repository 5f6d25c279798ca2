import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { dashboardProcess, freePort, type NodeProcess, operatorProcess } from './node-process.ts';

let folder: string;
let logFile: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'songbird-operator-'));
  logFile = path.join(folder, 'operator.log');
});

afterEach(() => rm(folder, { recursive: true }));

async function written(program: string): Promise<string> {
  const file = path.join(folder, 'program.cjs');
  await writeFile(file, program);
  return file;
}

async function start(program: string): Promise<NodeProcess> {
  return operatorProcess({ kubeconfig: '/the/kubeconfig', logFile, program: await written(program) });
}

async function logged(part: string): Promise<void> {
  await vi.waitFor(
    async () => {
      expect(await readFile(logFile, 'utf8')).toContain(part);
    },
    { timeout: 10_000 },
  );
}

test('it gets a kubeconfig and ports of its own, and what it prints goes to the log', async () => {
  const operator = await start(
    'console.log(process.env.KUBECONFIG, process.argv.slice(2).join(" ")); setInterval(() => 0, 1000)',
  );
  await logged('/the/kubeconfig --metrics-address 127.0.0.1:0 --health-address 127.0.0.1:0');
  await operator.stop();
});

test('its own end is a failure that says how', async () => {
  const operator = await start('console.error("no cluster"); process.exit(3)');
  await expect(operator.failed).rejects.toThrow('the operator ended with exit status 3');
  await logged('no cluster');
  await operator.stop();
});

test('being told to stop is none, and leaves it time to end in order', async () => {
  const operator = await start(`
    process.on('SIGTERM', () => setTimeout(() => { console.log('in order'); process.exit(0); }, 50));
    setInterval(() => 0, 1000);
    console.log('runs');
  `);
  let failed = false;
  operator.failed.catch(() => (failed = true));
  await logged('runs');
  await operator.stop();
  await operator.stop();
  await logged('in order');
  expect(failed).toBe(false);
});

test('the dashboard gets a port that was free', async () => {
  const program = await written('console.log(process.argv.slice(2).join(" ")); setInterval(() => 0, 1000)');
  const port = await freePort();
  const dashboard = dashboardProcess({ kubeconfig: '/the/kubeconfig', logFile, program }, port);
  await logged(`dashboard --port ${port}`);
  await dashboard.stop();
});
