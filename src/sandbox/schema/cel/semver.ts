import { fault, Opaque, type Functions } from './functions.ts';

const SYNTAX =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

/** A semantic version, https://semver.org. */
export class Semver extends Opaque {
  readonly numbers: readonly bigint[];
  readonly prerelease: readonly string[];
  readonly #text: string;

  constructor(text: string, numbers: readonly bigint[], prerelease: readonly string[]) {
    super();
    this.#text = text;
    this.numbers = numbers;
    this.prerelease = prerelease;
  }

  override toString(): string {
    return this.#text;
  }
}

function parse(text: string, normalize: boolean): Semver | undefined {
  const match = SYNTAX.exec(normalize ? normalized(text) : text);
  if (match === null) return undefined;
  return new Semver(match[0], match.slice(1, 4).map(BigInt), match[4]?.split('.') ?? []);
}

// `v1.2` and `01.2` are told as the versions that they mean.
function normalized(text: string): string {
  const [, version = '', rest = ''] = /^v?([\d.]*)([\s\S]*)$/.exec(text) ?? [];
  const parts = version.split('.').map((part) => part.replace(/^0+(?=\d)/, ''));
  while (parts.length < 3) parts.push('0');
  return `${parts.join('.')}${rest}`;
}

function semverOf(text: string, normalize = false): Semver {
  const version = parse(text, normalize);
  if (version === undefined)
    throw fault(`semver parse error: ${JSON.stringify(text)} is no semantic version`);
  return version;
}

function compare(a: Semver, b: Semver): number {
  for (const [index, number] of a.numbers.entries()) {
    const other = b.numbers[index] ?? 0n;
    if (number !== other) return number < other ? -1 : 1;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0) {
    return Math.sign(b.prerelease.length - a.prerelease.length);
  }
  for (const [index, part] of a.prerelease.entries()) {
    const other = b.prerelease[index];
    if (other === undefined) return 1;
    const order = comparePart(part, other);
    if (order !== 0) return order;
  }
  return a.prerelease.length < b.prerelease.length ? -1 : 0;
}

function comparePart(a: string, b: string): number {
  const numbers = [a, b].map((part) => /^\d+$/.test(part));
  if (numbers[0] === true && numbers[1] === true) return Math.sign(Number(a) - Number(b));
  if (numbers[0] !== numbers[1]) return numbers[0] === true ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

export const TYPE = 'kubernetes.Semver';

export const semvers: Functions = {
  [`semver(string): ${TYPE}`]: (text: string) => semverOf(text),
  [`semver(string, bool): ${TYPE}`]: semverOf,
  'isSemver(string): bool': (text: string) => parse(text, false) !== undefined,
  'isSemver(string, bool): bool': (text: string, normalize: boolean) => parse(text, normalize) !== undefined,
  [`${TYPE}.major(): int`]: ({ numbers }: Semver) => numbers[0],
  [`${TYPE}.minor(): int`]: ({ numbers }: Semver) => numbers[1],
  [`${TYPE}.patch(): int`]: ({ numbers }: Semver) => numbers[2],
  [`${TYPE}.isGreaterThan(${TYPE}): bool`]: (a: Semver, b: Semver) => compare(a, b) > 0,
  [`${TYPE}.isLessThan(${TYPE}): bool`]: (a: Semver, b: Semver) => compare(a, b) < 0,
  [`${TYPE}.compareTo(${TYPE}): int`]: (a: Semver, b: Semver) => BigInt(compare(a, b)),
};
