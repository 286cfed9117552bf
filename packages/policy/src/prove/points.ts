import type { Network } from '../addresses.ts';
import type { Condition } from '../document.ts';

/**
 * Values on either side of everything that the conditions compare with: each possible outcome of them together is that
 * of one of these values.
 */
export function pointsOf(conditions: readonly Condition[]): readonly string[] {
  const values = conditions.flatMap(({ values }) => values);
  const numbers = values.flatMap((value) => (value.kind === 'number' ? [value.value] : []));
  const instants = values.flatMap((value) => (value.kind === 'instant' ? [value.epochMs / 1000] : []));
  const networks = values.flatMap((value) => (value.kind === 'network' ? [value.network] : []));
  const hasBooleans = values.some(({ kind }) => kind === 'boolean');
  return [
    'x',
    ...around(numbers).map(String),
    ...around(instants).map((seconds) => new Date(Math.round(seconds * 1000)).toISOString()),
    ...networks.flatMap(addressesAround),
    ...(networks.length === 0 ? [] : ['203.0.113.9', '2001:db8::9']),
    ...(hasBooleans ? ['true', 'false'] : []),
  ];
}

/** Seconds since 1970 on either side of what the conditions on the time compare with. */
export function secondsOf(conditions: readonly Condition[]): readonly number[] {
  const values = conditions.flatMap(({ values }) => values);
  const seconds = values.flatMap((value) => {
    if (value.kind === 'instant') return [value.epochMs / 1000];
    return value.kind === 'number' ? [value.value] : [];
  });
  const whole = around(seconds).flatMap((at) => [Math.floor(at), Math.ceil(at)]);
  return [...new Set([0, ...whole])].filter((at) => at >= 0 && at < 1e11);
}

function around(values: readonly number[]): readonly number[] {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  return sorted.flatMap((value, index) => {
    const next = sorted[index + 1];
    const above = next === undefined ? value + 1 : (value + next) / 2;
    return [...(index === 0 ? [value - 1] : []), value, above];
  });
}

/** The first and last address of a network, and those just outside of it. */
function addressesAround({ bits, value, prefixBits }: Network): readonly string[] {
  const size = 1n << BigInt(bits - prefixBits);
  const first = (value / size) * size;
  const all = 1n << BigInt(bits);
  return [first, first + size - 1n, first - 1n, first + size]
    .filter((address) => address >= 0n && address < all)
    .map((address) => (bits === 32 ? ipv4(address) : ipv6(address)));
}

function ipv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
}

function ipv6(value: bigint): string {
  return Array.from({ length: 8 }, (_, group) =>
    ((value >> BigInt(112 - 16 * group)) & 0xffffn).toString(16),
  ).join(':');
}
