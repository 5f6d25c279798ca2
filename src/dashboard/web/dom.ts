type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;
type Child = Node | string | undefined;

/** An element with attributes and children; an attribute that is undefined or false is left out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(name), attributes, children);
}

/** The same of a picture. */
export function svg<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function filled<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false)
      element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/**
 * Makes an element hold these nodes, and changes only what differs: focus, selection and what was scrolled stay. Those with the
 * same `data-key` are the same, wherever they stand.
 */
export function settle(box: Element, wanted: readonly Node[]): void {
  for (const [at, next] of wanted.entries()) {
    const present = presentFor(box, next, box.childNodes[at]);
    if (present === undefined) box.insertBefore(next, box.childNodes[at] ?? null);
    else {
      if (present !== box.childNodes[at]) box.insertBefore(present, box.childNodes[at] ?? null);
      become(present, next);
    }
  }
  while (box.childNodes.length > wanted.length) box.lastChild?.remove();
}

/** What is there already of a node that is wanted. */
function presentFor(box: Element, next: Node, inPlace: ChildNode | undefined): ChildNode | undefined {
  const key = keyOf(next);
  const found = key === undefined ? inPlace : [...box.childNodes].find((one) => keyOf(one) === key);
  const isAlike = found?.nodeName === next.nodeName && keyOf(found) === key;
  return isAlike ? found : undefined;
}

function keyOf(node: Node): string | undefined {
  return node instanceof HTMLElement ? node.dataset['key'] : undefined;
}

function become(present: ChildNode, next: Node): void {
  if (!(present instanceof Element) || !(next instanceof Element)) {
    if (present.nodeValue !== next.nodeValue) present.nodeValue = next.nodeValue;
    return;
  }
  for (const { name } of [...present.attributes]) if (!next.hasAttribute(name)) present.removeAttribute(name);
  for (const { name, value } of next.attributes) {
    if (present.getAttribute(name) === value) continue;
    // The page's policy forbids styles as attributes, and allows them as properties.
    if (name === 'style' && present instanceof HTMLElement) present.style.cssText = value;
    else present.setAttribute(name, value);
  }
  settle(present, [...next.childNodes]);
}

/** @throws Error where the page has no such element: it is another page's script then */
export function byId<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${id}`);
}

/** `4m 12s` */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  if (hours > 0) return `${hours}h ${minutes}m`;
  return minutes > 0 ? `${minutes}m ${seconds % 60}s` : `${seconds}s`;
}

/** A share (0–1) in percent, with as many digits as say something. */
export function percent(share: number): string {
  const value = share * 100;
  return `${Number(value.toPrecision(value >= 10 ? 3 : 2))}%`;
}

/** A time of day (ms since the epoch) as the person writes it. */
export function timeOfDay(at: number): string {
  return new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
}
