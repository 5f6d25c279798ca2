/**
 * Replaces what may differ between two servers that behave alike: uids, resourceVersions, times, generated names and
 * addresses. Identity survives: the same uid or resourceVersion gets the same label each time, in the order of first
 * sight, so that "this write changed nothing" or "this is another object" still shows.
 */
export class Normalizer {
  readonly #uids = new Map<string, string>();
  readonly #versions = new Map<string, string>();
  readonly #names = new Map<string, string>();

  /** A copy of `value` that can be compared with the other side's. */
  normalize(value: unknown): unknown {
    this.#learn(value);
    return this.#walk(value, [], false);
  }

  /** Collects generated names first: a message may use them before the metadata that explains them. */
  #learn(value: unknown): void {
    if (Array.isArray(value)) for (const item of value) this.#learn(item);
    if (!isRecord(value)) return;
    const { generateName, name } = value;
    if (typeof generateName === 'string' && typeof name === 'string' && name.startsWith(generateName)) {
      label(this.#names, name, `${generateName}<generated>`);
    }
    const hash = isRecord(value['labels']) ? value['labels']['pod-template-hash'] : undefined;
    if (typeof hash === 'string') label(this.#names, hash, '<hash>');
    for (const item of Object.values(value)) this.#learn(item);
  }

  #walk(value: unknown, path: readonly string[], inList: boolean): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#walk(item, [...path, '[]'], inList));
    if (typeof value === 'string') return this.#string(value, path, inList);
    if (!isRecord(value)) return value;
    const list = typeof value['kind'] === 'string' && value['kind'].endsWith('List') && 'items' in value;
    if (value['kind'] === 'Status') return this.#status(value);
    const copy: Record<string, unknown> = {};
    // The order of fields must not decide which uid is seen first.
    for (const [key, item] of Object.entries(value).sort(byKey)) {
      // In a list only its own metadata is that of a list.
      const child = key === 'items' ? [] : [...path, key];
      if (key === 'managedFields' && Array.isArray(item)) {
        // They stand in the order of their times, which are not compared.
        copy[key] = sorted(item.map((entry) => this.#walk(entry, child, inList)));
        continue;
      }
      copy[this.#text(key)] = this.#walk(item, child, inList || (list && key === 'metadata'));
    }
    return copy;
  }

  /** Several causes come in any order, and the message repeats them. */
  #status(status: Record<string, unknown>): unknown {
    const { message, details } = status;
    const copy: Record<string, unknown> = { ...status };
    if (typeof message === 'string') copy['message'] = this.#text(message);
    if (isRecord(details)) copy['details'] = this.#walk(details, ['details'], false);
    const { causes } = isRecord(copy['details']) ? copy['details'] : {};
    if (isRecord(copy['details']) && Array.isArray(causes) && causes.length > 1) {
      copy['details'] = { ...copy['details'], causes: sorted(causes) };
      copy['message'] = String(copy['message']).replace(/: \[.*\]$/s, ': [<causes>]');
    }
    return copy;
  }

  #string(value: string, path: readonly string[], inList: boolean): string {
    const key = path.at(-1) ?? '';
    if (key === 'resourceVersion') {
      if (inList || value === '' || value === '0') return inList ? '<list version>' : value;
      return label(this.#versions, value, 'version');
    }
    if (key === 'continue') return value === '' ? '' : '<token>';
    if (key === 'uid' && UUID.test(value)) return label(this.#uids, value, 'uid');
    if (TIME.test(value)) return `<time${/\.\d+/.exec(value)?.[0].replace(/\d/g, '0') ?? ''}>`;
    if (IS_ADDRESS.has(key) || IS_ADDRESS.has(path.at(-2) ?? '')) {
      if (/^[0-9.]+$/.test(value)) return '<address>';
    }
    return this.#text(value);
  }

  #text(value: string): string {
    let text = this.#replaceNames(value);
    text = text.replace(UUIDS, (uid) => label(this.#uids, uid, 'uid'));
    text = text.replace(VERSIONS, (_all, before: string, version: string) => {
      return before + label(this.#versions, version, 'version');
    });
    // Go walks maps in any order, and stops at the first problem or doesn't.
    text = text.replace(/(failed to create typed \w+ object \([^)]*\)): .*/s, '$1: <reasons>');
    return text.replace(/(resource version: )\d+ \(\d+\)/, '$1<old> (<new>)');
  }

  #replaceNames(text: string): string {
    let replaced = text;
    for (const [name, alias] of this.#names) replaced = replaced.replaceAll(name, alias);
    return replaced;
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUIDS = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
// A version of one digit is one that the test made up.
const VERSIONS = /(ResourceVersion in [a-z ]+(?:: |\())(\d{2,})/g;
const IS_ADDRESS = new Set(['clusterIP', 'clusterIPs']);

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

function sorted(items: unknown[]): unknown[] {
  return items
    .map((item) => JSON.stringify(item))
    .sort()
    .map((text) => JSON.parse(text) as unknown);
}

function label(labels: Map<string, string>, value: string, prefix: string): string {
  const known = labels.get(value);
  if (known !== undefined) return known;
  const fresh = `${prefix}#${[...labels.values()].filter((l) => l.startsWith(prefix)).length + 1}`;
  labels.set(value, fresh);
  return fresh;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Where two normalised values differ, as lines `path: real X, sandbox Y`; at most `limit` lines. */
export function differences(real: unknown, sandbox: unknown, path = '', limit = 12): string[] {
  if (limit <= 0) return [];
  if (Array.isArray(real) && Array.isArray(sandbox)) {
    return collect(Math.max(real.length, sandbox.length), limit, (i, left) =>
      differences(real[i], sandbox[i], `${path}[${i}]`, left),
    );
  }
  if (isRecord(real) && isRecord(sandbox)) {
    const keys = [...new Set([...Object.keys(real), ...Object.keys(sandbox)])].sort();
    return collect(keys.length, limit, (i, left) => {
      const key = keys[i] ?? '';
      return differences(real[key], sandbox[key], path === '' ? key : `${path}.${key}`, left);
    });
  }
  if (Object.is(real, sandbox)) return [];
  return [`${path}: real ${show(real)}, sandbox ${show(sandbox)}`];
}

function collect(count: number, limit: number, at: (index: number, left: number) => string[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i < count && lines.length < limit; i += 1) lines.push(...at(i, limit - lines.length));
  return lines;
}

function show(value: unknown): string {
  if (value === undefined) return 'has none';
  const text = JSON.stringify(value);
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}
