/** An IP address; an IPv4 address mapped into IPv6 (RFC 4291 §2.5.5.2) is read as the IPv4 address it means. */
export interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** An address range in CIDR notation (RFC 4632). */
export interface Network {
  readonly bits: 32 | 128;
  readonly value: bigint;
  readonly prefixBits: number;
}

export function parseAddress(text: string): Address | undefined {
  if (text.length > 45) return undefined;
  if (!text.includes(':')) return parseIpv4(text);
  const address = parseIpv6(text);
  if (address === undefined || address.value >> 32n !== 0xffffn) return address;
  return { bits: 32, value: address.value & 0xffffffffn };
}

/** Reads `192.0.2.0/24`, `2001:db8::/32` or a single address. */
export function parseNetwork(text: string): Network | undefined {
  const [, addressText, prefixText] = /^([^/]{1,45})(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = addressText === undefined ? undefined : parseAddress(addressText);
  if (address === undefined) return undefined;
  if (prefixText === undefined) return { ...address, prefixBits: address.bits };
  const writtenBits = addressText?.includes(':') ? 128 : 32;
  const prefixBits = Number(prefixText) - (writtenBits - address.bits);
  return prefixBits < 0 || prefixBits > address.bits ? undefined : { ...address, prefixBits };
}

export function networkContains(network: Network, address: Address): boolean {
  if (network.bits !== address.bits) return false;
  const shift = BigInt(network.bits - network.prefixBits);
  return network.value >> shift === address.value >> shift;
}

function parseIpv4(text: string): Address | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1);
  // A leading zero is octal to some readers and decimal to others: refused.
  if (parts?.every((part) => Number(part) <= 255 && String(Number(part)) === part) !== true) return undefined;
  return { bits: 32, value: parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n) };
}

function parseIpv6(text: string): Address | undefined {
  const halves = withoutDottedTail(text)?.split('::');
  if (halves === undefined || halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const groups = head === undefined ? [] : tail === undefined ? head : fillGroups(head, tail);
  if (groups.length !== 8 || !groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return { bits: 128, value: groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n) };
}

/** `::` stands for at least one group of zeros. */
function fillGroups(head: readonly string[], tail: readonly string[]): readonly string[] {
  const missing = 8 - head.length - tail.length;
  return missing < 1 ? [] : [...head, ...new Array<string>(missing).fill('0'), ...tail];
}

function withoutDottedTail(text: string): string | undefined {
  if (!text.includes('.')) return text;
  const split = text.lastIndexOf(':') + 1;
  const dotted = parseIpv4(text.slice(split));
  if (dotted === undefined) return undefined;
  return `${text.slice(0, split)}${(dotted.value >> 16n).toString(16)}:${(dotted.value & 0xffffn).toString(16)}`;
}
