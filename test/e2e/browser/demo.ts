import type { Page } from 'playwright-core';
import { freePort } from '../../../src/sandbox/demo/node-process.ts';
import { releaseCommands } from '../../../src/api/resources.ts';
import type { Watched } from './browser.ts';
import { type Demo, startDashboard, startDemo } from './demo-process.ts';
import { type Scenario, type Stage, eventually, mustBe, tabTo, textOf } from './scenario.ts';

const PHASE = '.release .phase';
const RELEASE_MS = 90_000;

/** The demo, seen by somebody who opens its dashboard as soon as its address is there. */
export const demo: Scenario = {
  name: 'demo: a good release, a bad one, and one that is aborted',
  run: async (stage) => {
    const running = await startDemo();
    try {
      const watched = await stage.open(running.url);
      await opensByKeyboard(watched.page);
      await seesGoodRelease(watched.page);
      await seesBadRelease(watched.page);
      await stage.inspect(running.url, '.row');
      await stage.inspect(`${running.url}#/demo/shop`, '.curves', {
        name: 'rolled-back',
        looks: ['light', 'narrow-dark'],
      });
      await abortsThird(stage, running, watched.page);
      mustBe('nothing goes wrong in the page', watched.wrong.length === 0, watched.wrong);
      await watched.close();
      await outlivesTroubles(stage, running);
    } finally {
      const status = await running.end();
      mustBe('the demo ends well', status === 0, status);
    }
  },
};

async function opensByKeyboard(page: Page): Promise<void> {
  await page.locator('.row').waitFor();
  await tabTo(page, '#rows');
  await page.keyboard.press('Enter');
  await page.locator('.release').waitFor();
  await tabTo(page, '#detail a, #detail button, .scroll');
}

async function seesGoodRelease(page: Page): Promise<void> {
  const weights = new Set<string>();
  const phases = new Set<string>();
  await eventually(
    'the good release goes out',
    async () => {
      const [weight] = /^\d+%/.exec(await textOf(page, '.split .key.candidate')) ?? [];
      if (weight !== undefined) weights.add(weight);
      phases.add(await textOf(page, PHASE));
      // It is Healthy for a moment only: the next release begins at once.
      const before = await textOf(page, 'section[data-key="Releases before"] tbody tr');
      return { before, weights: [...weights], phases: [...phases] };
    },
    ({ before }) => before.includes('Promoted'),
    RELEASE_MS,
  );
  mustBe(
    'each step is seen',
    ['5%', '40%', '60%'].every((weight) => weights.has(weight)),
    [...weights],
  );
  mustBe('it is seen on its way', phases.has('Progressing'), [...phases]);
}

async function seesBadRelease(page: Page): Promise<void> {
  await page.locator(PHASE, { hasText: 'RolledBack' }).waitFor({ timeout: RELEASE_MS });
  const sentence = await textOf(page, '.sentence');
  mustBe('it says why in numbers', /was rolled back: errors: .* evidence .* passed/.test(sentence), sentence);
  await page.locator('.verdict.Fail').first().waitFor();
  await page.locator('.chart .end.bad', { hasText: 'rolled back' }).first().waitFor();
  await page.locator('.events li', { hasText: 'AnalysisFailed' }).first().waitFor();
}

async function abortsThird(stage: Stage, running: Demo, page: Page): Promise<void> {
  const ordered = async () =>
    (await running.client.list(releaseCommands, { namespace: 'demo' })).items.length;
  await running.apply('v4');
  await page.locator('.split .key.candidate', { hasText: '40%' }).waitFor({ timeout: RELEASE_MS });
  await gives(page, 'Pause');
  await page.locator(PHASE, { hasText: 'Paused' }).waitFor();
  mustBe('the pause is told', (await textOf(page, '#state')) !== '', await textOf(page, '#state'));
  await stage.inspect(`${running.url}#/demo/shop`, '.traffic', {
    name: 'release',
    looks: ['dark', 'narrow'],
  });
  await stage.inspect(running.url, '.row');

  const before = await ordered();
  await page.getByRole('button', { name: 'Abort' }).click();
  await page.locator('#ask').waitFor();
  await page.evaluate(`void (globalThis.__closed = new Promise((resolve) => {
    document.querySelector('#ask').addEventListener('close', () => setTimeout(resolve));
  }))`);
  await page.keyboard.press('Escape');
  // By then the page has said what it orders, if anything.
  await page.evaluate('globalThis.__closed');
  const said = await textOf(page, '#state');
  mustBe('Escape orders nothing, though the last dialog did', !said.startsWith('Abort'), said);

  await gives(page, 'Abort');
  await page.locator(PHASE, { hasText: 'RolledBack' }).waitFor();
  mustBe('one order is given', (await ordered()) === before + 1, await ordered());
  await eventually(
    'what became of the order is told',
    () => textOf(page, '#state'),
    (text) => text.startsWith('Abort: executed'),
  );
}

/** By keyboard alone. */
async function gives(page: Page, label: string): Promise<void> {
  const button = page.getByRole('button', { name: label, exact: true });
  const action = (await button.getAttribute('data-action')) ?? '';
  await page.locator('#detail').focus();
  await tabTo(page, `button[data-action="${action}"]`);
  await page.keyboard.press('Enter');
  await page.locator('#ask').waitFor();
  await tabTo(page, '#ask button[value=yes]');
  await page.keyboard.press('Enter');
}

async function outlivesTroubles(stage: Stage, running: Demo): Promise<void> {
  const port = await freePort();
  let dashboard = await startDashboard(running.kubeconfig, port);
  const watched = await stage.open(`${dashboard.url}#/demo/shop`);
  const { page } = watched;
  try {
    await page.locator('.release').waitFor();
    watched.excuse(/ERR_|Failed to load resource/);
    await dashboard.kill();
    await page.locator('#stale', { hasText: 'The dashboard does not answer' }).waitFor();
    mustBe('what was shown stays', (await textOf(page, PHASE)) !== '', '');
    dashboard = await startDashboard(running.kubeconfig, port);
    await eventually(
      'it comes back by itself',
      () => textOf(page, '#stale'),
      (text) => text === '',
    );
    await running.remove();
    await page.locator('#detail', { hasText: 'demo/shop is not there' }).waitFor({ timeout: RELEASE_MS });
    await eventually(
      'the list is empty',
      () => textOf(page, '#count'),
      (text) => text.includes('no releases'),
    );
    await seesOutage(watched, running);
    mustBe('nothing else goes wrong', watched.wrong.length === 0, watched.wrong);
  } finally {
    await watched.close();
    await dashboard.kill();
  }
}

/** The dashboard is there, and the cluster behind it goes away. */
async function seesOutage({ page }: Watched, running: Demo): Promise<void> {
  await running.end();
  await page.locator('#stale', { hasText: 'The cluster does not answer' }).waitFor();
}
