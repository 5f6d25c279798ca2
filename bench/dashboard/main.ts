/**
 * Measures the dashboard with thousands of releases in a real browser: `npm run bench:dashboard -- [--json]`. From the
 * request to the first rows on the screen, to the whole list, and from a write that the API server has accepted to its row.
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { canaryReleases } from '../../src/api/resources.ts';
import { freePort } from '../../src/sandbox/demo/node-process.ts';
import { LOOKS, startBrowser } from '../../test/e2e/browser/browser.ts';
import { startDashboard } from '../../test/e2e/browser/demo-process.ts';
import { type CrowdedCluster, startCrowded } from './cluster.ts';

const GOALS = { firstRowsMs: 1000, updateMs: 500 };
const OPENINGS = 10;
const UPDATES = 50;
/** Other releases that change each second meanwhile, in the second round. */
const BUSY = 50;

const { values: options } = parseArgs({
  options: { json: { type: 'boolean', default: false }, releases: { type: 'string', default: '10000' } },
});

/** Notes when the first row is painted, and when all have come; and when a row with a certain text is painted. */
const NOTES = `
  const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const look = async () => {
    const notes = (globalThis.__notes ??= { rows: 0, whole: 0, seen: {} });
    if (notes.rows === 0 && document.querySelector('.row') !== null) {
      notes.rows = -1;
      await painted();
      notes.rows = performance.now();
    }
    const count = document.querySelector('#count')?.textContent ?? '';
    if (notes.whole === 0 && count.startsWith(globalThis.__all + ' of ')) {
      notes.whole = -1;
      await painted();
      notes.whole = performance.now();
    }
    const mark = document.querySelector('.row .message')?.textContent ?? '';
    if (mark.startsWith('mark ') && notes.seen[mark] === undefined) {
      notes.seen[mark] = -1;
      await painted();
      notes.seen[mark] = performance.timeOrigin + performance.now();
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
`;

interface Opening {
  readonly paintMs: number;
  readonly rowsMs: number;
  readonly wholeMs: number;
}

/** Waits until an expression of the page is something; looked for seldom, so as not to be in the way. */
function when(page: Page, expression: string): Promise<unknown> {
  return page.evaluate(`new Promise((resolve) => {
    const look = () => (${expression} ? resolve(${expression}) : setTimeout(look, 50));
    look();
  })`);
}

async function open(browser: Browser, url: string, all: string): Promise<{ page: Page; opening: Opening }> {
  const [look] = LOOKS;
  const context = await browser.newContext({
    viewport: { width: look?.width ?? 1280, height: look?.height ?? 900 },
  });
  const page = await context.newPage();
  await page.addInitScript({ content: `globalThis.__all = ${JSON.stringify(all)};${NOTES}` });
  await page.goto(url);
  await when(page, 'globalThis.__notes?.whole > 0');
  const opening = await page.evaluate<Opening>(`({
    paintMs: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    rowsMs: __notes.rows,
    wholeMs: __notes.whole,
  })`);
  return { page, opening };
}

/** From the API server's answer to the row on the screen (ms), one update after another. */
async function follow(page: Page, { client, keys }: CrowdedCluster, name: string): Promise<number[]> {
  const took: number[] = [];
  // The most urgent stand at the top, where they are seen.
  const key = (await page.locator('.row .name').first().textContent()) ?? '';
  const [namespace = '', release = ''] = (keys.includes(key) ? key : '').split('/');
  for (let index = 0; index < UPDATES; index++) {
    const mark = `mark ${name} ${index}`;
    const patch = { status: { message: mark } };
    await client.patch(canaryReleases, { namespace, name: release }, 'merge', patch, {
      subresource: 'status',
    });
    const has = performance.timeOrigin + performance.now();
    const seen = await when(
      page,
      `__notes.seen[${JSON.stringify(mark)}] > 0 && __notes.seen[${JSON.stringify(mark)}]`,
    );
    took.push(Math.max(0, Number(seen) - has));
    // Not in step with anything.
    await delay(100 + 137 * (index % 3));
  }
  return took;
}

/** Changes others, so many a second, until the signal aborts. */
async function keepBusy({ client, keys }: CrowdedCluster, signal: AbortSignal): Promise<void> {
  for (let index = 0; !signal.aborted; index++) {
    const [namespace = '', name = ''] = (keys[(index * 7919) % keys.length] ?? '').split('/');
    const patch = { metadata: { annotations: { turn: String(index) } } };
    await client.patch(canaryReleases, { namespace, name }, 'merge', patch);
    const status = {
      status: { conditions: [], message: `revision 1d84bd2f10 serves all traffic, ${index}` },
    };
    if (index % 50 !== 0)
      await client.patch(canaryReleases, { namespace, name }, 'merge', status, { subresource: 'status' });
    await delay(1000 / BUSY);
  }
}

function summary(values: readonly number[]): { median: number; worst: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN);
  return { median: at(0.5), worst: at(1) };
}

async function residentMiB(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kib = /^VmRSS:\s+(\d+)/m.exec(text)?.[1];
  return kib === undefined ? undefined : Math.round(Number(kib) / 1024);
}

async function measure(count: number): Promise<Record<string, unknown>> {
  const cluster = await startCrowded(count);
  const browser = await startBrowser();
  try {
    const dashboard = await startDashboard(cluster.kubeconfig, await freePort());
    try {
      const all = count.toLocaleString('en-US');
      const first = await open(browser, dashboard.url, all);
      await first.page.context().close();
      const openings: Opening[] = [];
      for (let index = 1; index < OPENINGS; index++) {
        const { page, opening } = await open(browser, dashboard.url, all);
        openings.push(opening);
        await page.context().close();
      }
      const { page } = await open(browser, dashboard.url, all);
      const calm = await follow(page, cluster, 'calm');
      const over = new AbortController();
      const busy = keepBusy(cluster, over.signal);
      const inRush = await follow(page, cluster, 'rush');
      over.abort();
      await busy;
      return {
        releases: count,
        paintMs: summary(openings.map(({ paintMs }) => paintMs)),
        firstRowsMs: summary(openings.map(({ rowsMs }) => rowsMs)),
        wholeListMs: summary(openings.map(({ wholeMs }) => wholeMs)),
        updateMs: summary(calm),
        updateInRushMs: { ...summary(inRush), changesPerSecond: BUSY },
        dashboardMiB: await residentMiB(dashboard.pid),
        rows: await page.locator('.row').count(),
        cpus: availableParallelism(),
        load: loadavg().map((one) => Math.round(one * 10) / 10),
      };
    } finally {
      await dashboard.kill();
    }
  } finally {
    await browser.close();
    await cluster.close();
  }
}

const found = await measure(Number(options.releases));
if (options.json) process.stdout.write(`${JSON.stringify(found)}\n`);
else
  for (const [name, value] of Object.entries(found))
    process.stdout.write(`${name.padEnd(16)} ${JSON.stringify(value)}\n`);
const { firstRowsMs, updateMs } = found as Record<keyof typeof GOALS, { median: number }>;
for (const [name, { median }] of Object.entries({ firstRowsMs, updateMs })) {
  const goal = GOALS[name as keyof typeof GOALS];
  if (median <= goal) continue;
  process.stderr.write(`Missed: ${name} is ${median}, and should be at most ${goal}.\n`);
  process.exitCode = 1;
}
