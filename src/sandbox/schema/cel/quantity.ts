import { fault, Opaque, type Functions } from './functions.ts';

/** A Kubernetes quantity, exact: `value` thousandths of a millionth (10⁻⁹, the finest that quantities know). */
export class Quantity extends Opaque {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    super();
    this.nanos = nanos;
  }

  override valueOf(): bigint {
    return this.nanos;
  }

  override toString(): string {
    return String(this.nanos);
  }
}

const NANO = 1_000_000_000n;
const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const SYNTAX = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d+))?$/;
const LARGEST = 2n ** 63n - 1n;

/** Reads `1.5Gi`, `100m`, `1e3`; undefined for what is no quantity. Finer than nano is rounded up. */
export function parseQuantity(text: string): Quantity | undefined {
  const match = SYNTAX.exec(text);
  if (match === null) return undefined;
  const [, sign = '', number = '', suffix = '', exponent] = match;
  const [whole = '', fraction = ''] = number.split('.');
  const digits = BigInt(`${whole}${fraction}` || '0');
  const power = exponent === undefined ? (DECIMAL.indexOf(suffix) - 3) * 3 : Number(exponent);
  const binary = BINARY.indexOf(suffix);
  const scale = 9 - fraction.length + (binary >= 0 ? 0 : power);
  const factor = binary >= 0 ? 1024n ** BigInt(binary + 1) : 1n;
  const scaled =
    scale >= 0 ? digits * factor * 10n ** BigInt(scale) : roundUp(digits * factor, 10n ** BigInt(-scale));
  const capped = scaled > LARGEST * NANO ? LARGEST * NANO : scaled;
  return new Quantity(sign === '-' ? -capped : capped);
}

function roundUp(value: bigint, divisor: bigint): bigint {
  return (value + divisor - 1n) / divisor;
}

const BAD = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

function quantityOf(text: string): Quantity {
  const quantity = parseQuantity(text);
  if (quantity === undefined) throw fault(BAD);
  return quantity;
}

function isInteger({ nanos }: Quantity): boolean {
  const value = nanos / NANO;
  return nanos % NANO === 0n && value <= LARGEST && value >= -LARGEST - 1n;
}

function asInteger(quantity: Quantity): bigint {
  if (!isInteger(quantity)) throw fault('cannot convert value to integer');
  return quantity.nanos / NANO;
}

export const TYPE = 'kubernetes.Quantity';

export const quantities: Functions = {
  [`quantity(string): ${TYPE}`]: quantityOf,
  'isQuantity(string): bool': (text: string) => parseQuantity(text) !== undefined,
  [`sign(${TYPE}): int`]: ({ nanos }: Quantity) => (nanos > 0n ? 1n : nanos < 0n ? -1n : 0n),
  [`${TYPE}.isInteger(): bool`]: isInteger,
  [`${TYPE}.asInteger(): int`]: asInteger,
  [`${TYPE}.asApproximateFloat(): double`]: ({ nanos }: Quantity) => Number(nanos) / Number(NANO),
  [`${TYPE}.isGreaterThan(${TYPE}): bool`]: (a: Quantity, b: Quantity) => a.nanos > b.nanos,
  [`${TYPE}.isLessThan(${TYPE}): bool`]: (a: Quantity, b: Quantity) => a.nanos < b.nanos,
  [`${TYPE}.compareTo(${TYPE}): int`]: (a: Quantity, b: Quantity) =>
    a.nanos > b.nanos ? 1n : a.nanos < b.nanos ? -1n : 0n,
  [`${TYPE}.add(${TYPE}): ${TYPE}`]: (a: Quantity, b: Quantity) => new Quantity(a.nanos + b.nanos),
  [`${TYPE}.add(int): ${TYPE}`]: (a: Quantity, b: bigint) => new Quantity(a.nanos + b * NANO),
  [`${TYPE}.sub(${TYPE}): ${TYPE}`]: (a: Quantity, b: Quantity) => new Quantity(a.nanos - b.nanos),
  [`${TYPE}.sub(int): ${TYPE}`]: (a: Quantity, b: bigint) => new Quantity(a.nanos - b * NANO),
};
