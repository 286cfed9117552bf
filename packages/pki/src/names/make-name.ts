import { utf8 } from '@fleetward/core';
import { tags } from '../der/tags.ts';
import { element, oid, printableString, sequence, setOf, utf8String } from '../der/writer.ts';
import { PkiError } from '../errors.ts';
import { attributeRule, type NameAttribute } from './attributes.ts';
import { type Name, parseName } from './name.ts';
import { isPrintableString } from './strings.ts';

/** Makes a name of one attribute a part, in the order given (most general first, as `C, O, CN`). */
export function makeName(parts: readonly (readonly [NameAttribute, string])[]): Name {
  return parseName(sequence(...parts.map(([attribute, text]) => setOf(encodePart(attribute, text)))));
}

function encodePart(attribute: NameAttribute, text: string): Uint8Array {
  return sequence(oid(attributeRule(attribute).oid), encodeText(attribute, text));
}

function encodeText(attribute: NameAttribute, text: string): Uint8Array {
  if (attribute === 'emailAddress' || attribute === 'domainComponent')
    return element(tags.ia5String, utf8(text));
  if (!attributeRule(attribute).printable) return utf8String(text);
  if (isPrintableString(text)) return printableString(text);
  throw new PkiError(
    'pki.name',
    `${attribute} \`${text.slice(0, 64)}\` must be of letters, digits and '()+,-./:=?`,
  );
}
