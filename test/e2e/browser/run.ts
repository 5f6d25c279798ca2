/**
 * The dashboard in a real browser: `npm run e2e:browser -- [options]`; `--help` tells which. Prints one line a scenario; exit
 * status 0 only when every one is ok.
 */
import { parseArgs } from 'node:util';
import { messageOf } from '../control-plane/build.ts';
import { startBrowser } from './browser.ts';
import { demo } from './demo.ts';
import { rights } from './rights.ts';
import { type Scenario, Stage } from './scenario.ts';

const SCENARIOS: readonly Scenario[] = [demo, rights];

const LIMIT_MS = 6 * 60_000;

const HELP = `npm run e2e:browser -- [options]

Looks at the dashboard with Chromium: the demo's, and the operator's on a real API server. Chromium is the one
of the environment variable CHROMIUM, or any on the PATH.

  --only TEXT        the scenarios whose names contain this
  --screenshots DIR  leaves pictures there; those of the documentation are made so
  --json             one JSON object a scenario
`;

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    screenshots: { type: 'string' },
  },
});

async function main(): Promise<number> {
  const chosen = SCENARIOS.filter(({ name }) => name.includes(options.only));
  if (chosen.length === 0) throw new Error(`no scenario has ${options.only} in its name`);
  const browser = await startBrowser();
  let status = 0;
  try {
    const stage = new Stage(browser, options.screenshots);
    for (const scenario of chosen) {
      const outcome = await play(scenario, stage);
      if (!outcome.ok) status = 1;
      const line = `${outcome.ok ? 'ok  ' : 'FAIL'}  ${outcome.scenario}  ${outcome.seconds} s`;
      process.stdout.write(
        options.json
          ? `${JSON.stringify(outcome)}\n`
          : `${[line, outcome.error ?? ''].join('\n').trimEnd()}\n`,
      );
    }
  } finally {
    await browser.close();
  }
  return status;
}

async function play(
  scenario: Scenario,
  stage: Stage,
): Promise<{ scenario: string; ok: boolean; seconds: number; error?: string }> {
  const began = performance.now();
  const seconds = () => Math.round((performance.now() - began) / 100) / 10;
  // What hangs in the page has no limit of its own.
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new Error(`it was not over after ${LIMIT_MS / 60_000} minutes`));
  }, LIMIT_MS);
  try {
    await Promise.race([scenario.run(stage), late.promise]);
    return { scenario: scenario.name, ok: true, seconds: seconds() };
  } catch (error) {
    return { scenario: scenario.name, ok: false, seconds: seconds(), error: messageOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
if (options.help) process.stdout.write(HELP);
else
  try {
    // What a scenario that was too late has left behind ends with the process.
    process.exit(await main());
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  }
