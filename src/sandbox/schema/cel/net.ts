import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net';
import { isCidr } from '../formats.ts';
import { fault, Opaque, type Functions } from './functions.ts';

/** An IP address, in canonical form. */
export class Ip extends Opaque {
  readonly text: string;
  readonly family: 4 | 6;

  constructor(text: string) {
    super();
    this.family = isIPv4(text) ? 4 : 6;
    this.text = this.family === 4 ? text : canonical(text);
  }

  override toString(): string {
    return this.text;
  }
}

/** A block of addresses, as written: `10.1.2.3/8` keeps its host bits. */
export class Cidr extends Opaque {
  readonly ip: Ip;
  readonly bits: number;

  constructor(ip: Ip, bits: number) {
    super();
    this.ip = ip;
    this.bits = bits;
  }

  override toString(): string {
    return `${this.ip.text}/${this.bits}`;
  }

  get block(): BlockList {
    const block = new BlockList();
    block.addSubnet(this.ip.text, this.bits, this.ip.family === 4 ? 'ipv4' : 'ipv6');
    return block;
  }

  has(ip: Ip): boolean {
    return ip.family === this.ip.family && this.block.check(ip.text, ip.family === 4 ? 'ipv4' : 'ipv6');
  }
}

function canonical(text: string): string {
  return new SocketAddress({ address: text, family: 'ipv6' }).address;
}

function parseIp(text: string): Ip | undefined {
  // Zones and IPv4 addresses in the clothes of IPv6 are no addresses to Kubernetes.
  const valid = isIPv4(text) || (isIPv6(text) && !text.includes('%') && !/^::ffff:\d+\./i.test(text));
  return valid ? new Ip(text) : undefined;
}

function parseCidr(text: string): Cidr | undefined {
  const [address = '', bits = ''] = text.split('/');
  const ip = parseIp(address);
  return ip === undefined || !isCidr(text) || bits !== String(Number(bits))
    ? undefined
    : new Cidr(ip, Number(bits));
}

function ipOf(text: string): Ip {
  const ip = parseIp(text);
  if (ip === undefined) {
    throw fault(
      `IP Address ${JSON.stringify(text)} parse error during conversion from string: it is no IP address`,
    );
  }
  return ip;
}

function cidrOf(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) {
    const prefix = 'network address parse error during conversion from string: ';
    throw fault(`${prefix}${prefix}netip.ParsePrefix(${JSON.stringify(text)}): no '/'`);
  }
  return cidr;
}

const RANGES: Readonly<Record<string, readonly string[]>> = {
  isUnspecified: ['0.0.0.0/32', '::/128'],
  isLoopback: ['127.0.0.0/8', '::1/128'],
  isLinkLocalMulticast: ['224.0.0.0/24', 'ff02::/16'],
  isLinkLocalUnicast: ['169.254.0.0/16', 'fe80::/10'],
};
const NOT_GLOBAL = ['255.255.255.255/32', '224.0.0.0/4', 'ff00::/8'];

function isIn(ip: Ip, ranges: readonly string[]): boolean {
  return ranges.some((range) => parseCidr(range)?.has(ip) === true);
}

function isGlobal(ip: Ip): boolean {
  return !isIn(ip, [...NOT_GLOBAL, ...Object.values(RANGES).flat()]);
}

function masked({ ip, bits }: Cidr): Cidr {
  const width = ip.family === 4 ? 32n : 128n;
  const kept = ((1n << BigInt(bits)) - 1n) << (width - BigInt(bits));
  return new Cidr(new Ip(textOf(numberOf(ip) & kept, ip.family)), bits);
}

function numberOf({ text, family }: Ip): bigint {
  if (family === 4) return text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
  const [head = '', tail] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const last = tail === undefined ? [] : groups(tail);
  const first = groups(head);
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  return [...first, ...zeros, ...last].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

function textOf(value: bigint, family: 4 | 6): string {
  const [count, width] = family === 4 ? [4, 8n] : [8, 16n];
  const parts = Array.from(
    { length: count },
    (_, index) => (value >> (BigInt(count - 1 - index) * width)) & ((1n << width) - 1n),
  );
  return family === 4 ? parts.join('.') : parts.map((part) => part.toString(16)).join(':');
}

function containsCidr(outer: Cidr, inner: Cidr): boolean {
  return outer.bits <= inner.bits && outer.has(masked(inner).ip);
}

export const IP = 'net.IP';
export const CIDR = 'net.CIDR';

export const addresses: Functions = {
  [`ip(string): ${IP}`]: ipOf,
  'isIP(string): bool': (text: string) => parseIp(text) !== undefined,
  'Namespace.ip.isCanonical(string): bool': (_: unknown, text: string) => ipOf(text).text === text,
  [`textOf(${IP}): string`]: String,
  [`${IP}.family(): int`]: ({ family }: Ip) => BigInt(family),
  [`${IP}.isGlobalUnicast(): bool`]: isGlobal,
  ...Object.fromEntries(
    Object.entries(RANGES).map(([name, ranges]) => [`${IP}.${name}(): bool`, (ip: Ip) => isIn(ip, ranges)]),
  ),
  [`cidr(string): ${CIDR}`]: cidrOf,
  'isCIDR(string): bool': (text: string) => parseCidr(text) !== undefined,
  [`textOf(${CIDR}): string`]: String,
  [`${CIDR}.ip(): ${IP}`]: ({ ip }: Cidr) => ip,
  [`${CIDR}.prefixLength(): int`]: ({ bits }: Cidr) => BigInt(bits),
  [`${CIDR}.masked(): ${CIDR}`]: masked,
  [`${CIDR}.containsIP(${IP}): bool`]: (cidr: Cidr, ip: Ip) => cidr.has(ip),
  [`${CIDR}.containsIP(string): bool`]: (cidr: Cidr, ip: string) => cidr.has(ipOf(ip)),
  [`${CIDR}.containsCIDR(${CIDR}): bool`]: containsCidr,
  [`${CIDR}.containsCIDR(string): bool`]: (cidr: Cidr, other: string) => containsCidr(cidr, cidrOf(other)),
};
