import { toHex } from '@fleetward/core';
import { attributeRule } from './attributes.ts';
import type { NamePart } from './name.ts';

/** RFC 4514 text of a name: most specific part first, `+` within a part, `#hex` for unknown attributes. */
export function formatName(rdns: readonly (readonly NamePart[])[]): string {
  return rdns
    .toReversed()
    .map((parts) => parts.map(formatPart).join('+'))
    .join(',');
}

function formatPart(part: NamePart): string {
  if (part.attribute === undefined || part.text === undefined) return `${part.oid}=#${toHex(part.valueDer)}`;
  return `${attributeRule(part.attribute).keyword}=${escapeValue(part.text)}`;
}

const nothingToEscape = /^[A-Za-z0-9._:/-]+$/;

// RFC 4514 §2.4, and control or format characters as hex pairs so that a log line stays one line.
function escapeValue(text: string): string {
  if (nothingToEscape.test(text)) return text;
  return text
    .replace(/["+,;<>\\]/g, '\\$&')
    .replace(/^[ #]/, '\\$&')
    .replace(/ $/, '\\ ')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => toHex(Buffer.from(char)).replace(/../g, '\\$&'));
}
