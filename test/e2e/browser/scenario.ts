import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { LOOKS, type Look, type Watched, findings, openPage } from './browser.ts';

/** One story that a browser sees. */
export interface Scenario {
  readonly name: string;
  /** @throws Error that says what was not as it should be */
  run(stage: Stage): Promise<void>;
}

/** What scenarios play on. */
export class Stage {
  readonly browser: Browser;
  readonly #screenshots: string | undefined;

  /** @param screenshots where pictures go; undefined for nowhere */
  constructor(browser: Browser, screenshots: string | undefined) {
    this.browser = browser;
    this.#screenshots = screenshots;
  }

  /** Opens a page; the wide and light one when no look is given. */
  open(url: string, look: Look = WIDE): Promise<Watched> {
    return openPage(this.browser, url, look);
  }

  async picture(page: Page, name: string): Promise<void> {
    if (this.#screenshots === undefined) return;
    await mkdir(this.#screenshots, { recursive: true });
    await page.screenshot({ path: join(this.#screenshots, `dashboard-${name}.png`) });
  }

  /**
   * Opens an address in every look: axe finds nothing serious, nothing runs out of the page, and nothing goes wrong.
   * @param ready what is to be seen first, as a selector
   * @param picture its name, and in which looks it is taken: the documentation needs no more
   */
  async inspect(
    url: string,
    ready: string,
    picture?: { readonly name: string; readonly looks: readonly string[] },
  ): Promise<void> {
    for (const look of LOOKS) {
      const watched = await this.open(url, look);
      await watched.page.locator(ready).first().waitFor();
      const found = [...(await findings(watched.page)), ...watched.wrong];
      const wide = await watched.page.evaluate<number>('document.documentElement.scrollWidth');
      if (wide > look.width) found.push(`the page is ${wide} px wide`);
      if (picture?.looks.includes(look.name) === true)
        await this.picture(watched.page, `${picture.name}-${look.name}`);
      await watched.close();
      if (found.length > 0) throw new Error(`${url} (${look.name}): ${found.join('\n')}`);
    }
  }
}

const [WIDE = { name: 'light', width: 1280, height: 900, colorScheme: 'light' }] = LOOKS;

/** @throws Error that says what was seen instead */
export function mustBe(what: string, isSo: boolean, seen: unknown): asserts isSo {
  if (!isSo) throw new Error(`${what}: saw ${JSON.stringify(seen)}`);
}

/** Waits until a probe answers what is wanted. @throws Error with the last answer */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T>,
  isWanted: (seen: T) => boolean,
  limitMs = 30_000,
): Promise<T> {
  const until = performance.now() + limitMs;
  let seen = await probe();
  while (!isWanted(seen)) {
    if (performance.now() > until)
      throw new Error(`${what} within ${limitMs / 1000} s: saw ${JSON.stringify(seen)}`);
    await delay(100);
    seen = await probe();
  }
  return seen;
}

/** Presses Tab until the element of this selector has the focus. @throws Error where it never has */
export async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    if ((await page.locator(`${selector}:focus`).count()) > 0) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`forty Tabs do not lead to ${selector}`);
}

/** What a selector's first element says; '' while there is none. */
export async function textOf(page: Page, selector: string): Promise<string> {
  const texts = await page.locator(selector).allTextContents();
  return texts[0] ?? '';
}
