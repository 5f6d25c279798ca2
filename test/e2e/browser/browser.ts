import { access, constants, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import type { AxeResults } from 'axe-core';
import { type Browser, type Page, chromium } from 'playwright-core';

/** Names under which Debian and others install it. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

const NOTE_BREACHES = `document.addEventListener('securitypolicyviolation', (breach) => {
  globalThis.__noteBreach('policy: ' + breach.violatedDirective + ' ' + breach.blockedURI);
});`;

/** How a page is looked at. */
export interface Look {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly colorScheme: 'light' | 'dark';
}

export const LOOKS: readonly Look[] = [
  { name: 'light', width: 1280, height: 900, colorScheme: 'light' },
  { name: 'dark', width: 1280, height: 900, colorScheme: 'dark' },
  { name: 'narrow', width: 360, height: 780, colorScheme: 'light' },
  { name: 'narrow-dark', width: 360, height: 780, colorScheme: 'dark' },
];

/** Starts Chromium: the one of the environment variable CHROMIUM, or any on the PATH. @throws Error where there is none */
export async function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: await findChromium(),
    // As root, as in containers, it refuses to run with its sandbox; only pages of this machine are opened.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
}

async function findChromium(): Promise<string> {
  const given = process.env['CHROMIUM'];
  const paths = (process.env['PATH'] ?? '').split(delimiter);
  const candidates =
    given === undefined ? NAMES.flatMap((name) => paths.map((dir) => join(dir, name))) : [given];
  for (const candidate of candidates) {
    const isThere = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return candidate;
  }
  throw new Error(
    given === undefined
      ? 'there is no Chromium: install it (apt-get install chromium), or name it by the environment variable CHROMIUM'
      : `CHROMIUM is ${given}, which is no program`,
  );
}

/** A page that notes all that goes wrong in it. */
export interface Watched {
  readonly page: Page;
  /** Errors and warnings of the console, exceptions, breaches of the content security policy, requests to elsewhere. */
  readonly wrong: readonly string[];
  /** From here on these are to be expected, as when the server is away. */
  readonly excuse: (pattern: RegExp) => void;
  readonly close: () => Promise<void>;
}

/** Opens a page in a profile of its own. */
export async function openPage(browser: Browser, url: string, look: Look): Promise<Watched> {
  const { width, height, colorScheme } = look;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const wrong: string[] = [];
  const excused: RegExp[] = [];
  const note = (what: string) => {
    if (!excused.some((pattern) => pattern.test(what))) wrong.push(what);
  };
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) note(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => {
    note(`exception: ${error.message}`);
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) note(`asks ${request.url()}`);
  });
  await page.exposeFunction('__noteBreach', note);
  await page.addInitScript({ content: NOTE_BREACHES });
  await page.goto(url);
  return {
    page,
    wrong,
    excuse: (pattern) => {
      excused.push(pattern);
    },
    close: () => context.close(),
  };
}

/** What axe finds that is serious or critical, a line each. */
export async function findings(page: Page): Promise<string[]> {
  // The page's own policy keeps scripts out; this one comes by way of the debugger.
  await page.evaluate(await readFile(AXE, 'utf8'));
  const { violations } = await page.evaluate<AxeResults>(
    'axe.run(document, { resultTypes: ["violations"] })',
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, impact, help, nodes }) =>
      nodes.map(
        ({ html, failureSummary }) => `${impact ?? ''} ${id} (${help}): ${html} ${failureSummary ?? ''}`,
      ),
    );
}
