import type { Summary } from '../wire.ts';
import { el, settle } from './dom.ts';
import { byUrgency } from './rank.ts';

/** How high a row is (px); style.css says the same. */
const ROW = 64;
/** Rows above and below what is seen, so that scrolling shows no gaps. */
const MORE = 8;

/**
 * The list of releases: thousands of them, of which only those exist as elements that are in sight. Arrow keys, Home, End and
 * Page keys move in it, Enter opens.
 */
export class ReleaseList {
  readonly #box: HTMLElement;
  readonly #count: HTMLElement;
  readonly #open: (key: string) => void;
  readonly #space = el('div', { class: 'space', role: 'presentation' });
  readonly #all = new Map<string, Summary>();
  /** Those that were there before a reset. */
  #unconfirmed = new Set<string>();
  #isComplete = false;
  #shown: Summary[] = [];
  #search = '';
  #phase = '';
  #chosen: string | undefined;
  #active = 0;
  #isDue = false;

  constructor(box: HTMLElement, count: HTMLElement, open: (key: string) => void) {
    this.#box = box;
    this.#count = count;
    this.#open = open;
    box.append(this.#space);
    box.addEventListener('scroll', () => {
      this.#draw();
    });
    box.addEventListener('click', ({ target }) => {
      const key = target instanceof Element ? target.closest<HTMLElement>('.row')?.dataset['key'] : undefined;
      if (key !== undefined) this.#open(key);
    });
    box.addEventListener('keydown', (event) => {
      this.#key(event);
    });
    new ResizeObserver(() => {
      this.#draw();
    }).observe(box);
  }

  /** All that there are come now, one part after another. */
  reset(): void {
    this.#unconfirmed = new Set(this.#all.keys());
    this.#isComplete = false;
  }

  /** All have come: what was not among them is gone. */
  complete(): void {
    for (const key of this.#unconfirmed) this.#all.delete(key);
    this.#unconfirmed.clear();
    this.#isComplete = true;
    this.#later();
  }

  set(summaries: readonly Summary[]): void {
    for (const summary of summaries) {
      this.#all.set(summary.key, summary);
      this.#unconfirmed.delete(summary.key);
    }
    this.#later();
  }

  remove(keys: readonly string[]): void {
    for (const key of keys) this.#all.delete(key);
    this.#later();
  }

  /** Nothing of it stays, as when the person leaves. */
  clear(): void {
    this.#all.clear();
    this.reset();
    this.#later();
  }

  filter(search: string, phase: string): void {
    this.#search = search.trim().toLowerCase();
    this.#phase = phase;
    this.#box.scrollTop = 0;
    this.#shown = [];
    this.#active = 0;
    this.#choose();
  }

  /** Marks the release that is looked at. */
  mark(key: string | undefined): void {
    this.#chosen = key;
    const at = this.#shown.findIndex((one) => one.key === key);
    if (at >= 0) this.#moveTo(at);
    else this.#draw();
  }

  /** Changes that come together are drawn together. */
  #later(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#choose();
    });
  }

  #choose(): void {
    const activeKey = this.#shown[this.#active]?.key ?? this.#chosen;
    const words = this.#search.split(/\s+/).filter((word) => word !== '');
    this.#shown = [...this.#all.values()]
      .filter(({ key, phase }) => {
        const isFound = words.every((word) => key.toLowerCase().includes(word));
        return isFound && (this.#phase === '' || phase === this.#phase);
      })
      .sort(byUrgency);
    // A release that moves takes the mark of the keyboard with it.
    const at = this.#shown.findIndex(({ key }) => key === activeKey);
    this.#active = Math.min(at >= 0 ? at : this.#active, Math.max(0, this.#shown.length - 1));
    const text = this.#words();
    if (this.#count.textContent !== text) this.#count.textContent = text;
    this.#draw();
  }

  #words(): string {
    const [shown, all] = [this.#shown.length, this.#all.size].map((count) => count.toLocaleString());
    if (!this.#isComplete && this.#all.size === 0) return 'Asking the cluster…';
    if (this.#isComplete && this.#all.size === 0) return 'There are no releases that you may see.';
    return `${shown ?? ''} of ${all ?? ''} releases`;
  }

  #draw(): void {
    const { scrollTop, clientHeight } = this.#box;
    const first = Math.max(0, Math.floor(scrollTop / ROW) - MORE);
    const last = Math.min(this.#shown.length, Math.ceil((scrollTop + clientHeight) / ROW) + MORE);
    this.#space.style.height = `${this.#shown.length * ROW}px`;
    const rows = this.#shown.slice(first, last).map((summary, at) => this.#row(summary, first + at));
    settle(this.#space, rows);
    const active = this.#shown[this.#active];
    if (active === undefined) this.#box.removeAttribute('aria-activedescendant');
    else this.#box.setAttribute('aria-activedescendant', idOf(active.key));
  }

  #row(summary: Summary, at: number): HTMLElement {
    const { key, phase = 'Unseen', step, weight, message } = summary;
    const place = step === undefined ? '' : `step ${step.index} of ${step.of}, ${weight}%`;
    const row = el(
      'div',
      {
        id: idOf(key),
        'data-key': key,
        class: `row${at === this.#active ? ' active' : ''}`,
        role: 'option',
        'aria-selected': key === this.#chosen ? 'true' : 'false',
        'aria-setsize': this.#shown.length,
        'aria-posinset': at + 1,
      },
      el('span', { class: 'name' }, key),
      el('span', { class: `phase ${phase}` }, phase),
      el('span', { class: place === '' ? 'message whole' : 'message', title: message }, message),
      place === '' ? undefined : el('span', { class: 'place' }, place),
    );
    row.style.transform = `translateY(${at * ROW}px)`;
    return row;
  }

  #key(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(this.#box.clientHeight / ROW) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: this.#active + 1,
      ArrowUp: this.#active - 1,
      PageDown: this.#active + page,
      PageUp: this.#active - page,
      Home: 0,
      End: this.#shown.length - 1,
    };
    const to = moves[event.key];
    const active = this.#shown[this.#active];
    if (event.key === 'Enter' && active !== undefined) this.#open(active.key);
    if (to === undefined) return;
    event.preventDefault();
    this.#moveTo(Math.min(this.#shown.length - 1, Math.max(0, to)));
  }

  /** Marks a row, and brings it into sight. */
  #moveTo(at: number): void {
    this.#active = at;
    const top = this.#active * ROW;
    const { scrollTop, clientHeight } = this.#box;
    if (top < scrollTop) this.#box.scrollTop = top;
    if (top + ROW > scrollTop + clientHeight) this.#box.scrollTop = top + ROW - clientHeight;
    this.#draw();
  }
}

/** No two keys share one. */
function idOf(key: string): string {
  return `release/${key}`;
}
