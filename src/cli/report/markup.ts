/** Markup that is safe to be put into a page: whatever people wrote is escaped in it. */
export class Markup {
  readonly text: string;

  /** @param text of our own making, never of anybody else's: use {@link el} for that */
  constructor(text: string) {
    this.text = text;
  }
}

export type Child = Markup | string | undefined | readonly Child[];
type Attributes = Readonly<Record<string, string | number | undefined>>;

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as it may stand in an element or in the quotes of an attribute. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => ESCAPES[letter] ?? '');
}

/** An element of HTML or SVG; an attribute that is undefined is left out. */
export function el(name: string, attributes: Attributes = {}, ...children: readonly Child[]): Markup {
  const own = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escaped(String(value))}"`)
    .join('');
  const inner = textOf(children);
  return new Markup(`<${name}${own}>${VOID.has(name) ? '' : `${inner}</${name}>`}`);
}

const VOID = new Set(['meta', 'br']);

function textOf(child: Child): string {
  if (child === undefined) return '';
  if (typeof child === 'string') return escaped(child);
  return child instanceof Markup ? child.text : child.map(textOf).join('');
}
