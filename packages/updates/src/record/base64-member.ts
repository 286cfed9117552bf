import type { Json } from '@fleetward/core';

/** The bytes that a member of a signed field stands for; `undefined` when it is no canonical base64 (RFC 4648 section 4) or too long. */
export function bytesOfMember(value: Json | undefined, bytesMax: number): Uint8Array | undefined {
  if (typeof value !== 'string' || value.length > Math.ceil(bytesMax / 3) * 4) return undefined;
  const bytes = Buffer.from(value, 'base64');
  return bytes.toString('base64') === value ? new Uint8Array(bytes) : undefined;
}
