const QUANTITY = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:(Ki|Mi|Gi|Ti|Pi|Ei)|([numkMGTPE])|[eE]([+-]?\d{1,3}))?$/;
const BINARY = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const DECIMAL: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};

/** `digits` × 10^`exponent`. */
interface Decimal {
  digits: bigint;
  exponent: number;
}

/**
 * Whether two Kubernetes quantities (`100m`, `1Gi`, `1e3`, 2) have one value, exactly. False where one of them is no
 * quantity.
 */
export function isSameQuantity(a: unknown, b: unknown): boolean {
  const one = parse(a);
  const other = parse(b);
  if (one === undefined || other === undefined) return false;
  const exponent = Math.min(one.exponent, other.exponent);
  return shifted(one, exponent) === shifted(other, exponent);
}

function shifted({ digits, exponent }: Decimal, to: number): bigint {
  return digits * 10n ** BigInt(exponent - to);
}

function parse(value: unknown): Decimal | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const match = QUANTITY.exec(String(value));
  if (match === null) return undefined;
  const [, sign = '', number = '', binary, decimal, power] = match;
  const [whole = '', fraction = ''] = number.split('.');
  const exponent = decimal === undefined ? Number(power ?? 0) : (DECIMAL[decimal] ?? 0);
  const factor = binary === undefined ? 1n : 1024n ** BigInt(BINARY.indexOf(binary) + 1);
  return {
    digits: BigInt(`${whole}${fraction}`) * factor * (sign === '-' ? -1n : 1n),
    exponent: exponent - fraction.length,
  };
}
