import { ReadBefore } from '../der/read-before.ts';
import type { DerReader } from '../der/reader.ts';
import { openDer } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readFlag, readOid } from '../der/values.ts';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { GeneralName } from '../names/general-name.ts';
import { extensionOids } from '../oids.ts';
import {
  type AuthorityInfoAccess,
  type AuthorityKeyId,
  type BasicConstraints,
  readAltName,
  readAuthorityInfoAccess,
  readAuthorityKeyId,
  readBasicConstraints,
  readCrlDistributionPoints,
  readExtendedKeyUsage,
  readKeyUsage,
  readSubjectKeyId,
} from './extension-values.ts';
import type { KeyUsage } from './key-usage.ts';
import { type NameConstraints, readNameConstraints } from './name-constraints.ts';
import { readCertificatePolicies, readInhibitAnyPolicy } from './policies.ts';

/** The extensions of a certificate, or those a CSR asks for; one that is absent is `undefined` or not there. */
export interface Extensions {
  /** Every extension in its order, known or not. */
  readonly present: readonly ExtensionHeader[];
  /** Critical extensions this package does not process (RFC 5280 §4.2): whoever validates must refuse. */
  readonly unknownCritical: readonly string[];
  readonly basicConstraints?: BasicConstraints;
  readonly keyUsage?: readonly KeyUsage[];
  /** Dotted object identifiers. */
  readonly extendedKeyUsage?: readonly string[];
  /** Lower-case hex. */
  readonly subjectKeyId?: string;
  readonly authorityKeyId?: AuthorityKeyId;
  readonly subjectAltName?: readonly GeneralName[];
  readonly issuerAltName?: readonly GeneralName[];
  readonly nameConstraints?: NameConstraints;
  readonly crlDistributionPoints?: readonly string[];
  readonly authorityInfoAccess?: AuthorityInfoAccess;
}

export interface ExtensionHeader {
  readonly oid: string;
  readonly critical: boolean;
}

/** Held to their form; nothing here depends on what they say. */
const formOnly = (read: (value: DerReader) => unknown) => (value: DerReader) => {
  read(value);
  return {};
};

const parsers = new Map<string, (value: DerReader) => Partial<Extensions>>([
  [extensionOids.basicConstraints, (value) => ({ basicConstraints: readBasicConstraints(value) })],
  [extensionOids.keyUsage, (value) => ({ keyUsage: readKeyUsage(value) })],
  [extensionOids.extendedKeyUsage, (value) => ({ extendedKeyUsage: readExtendedKeyUsage(value) })],
  [extensionOids.subjectKeyId, (value) => ({ subjectKeyId: readSubjectKeyId(value) })],
  [extensionOids.authorityKeyId, (value) => ({ authorityKeyId: readAuthorityKeyId(value) })],
  [extensionOids.subjectAltName, (value) => ({ subjectAltName: readAltName(value) })],
  [extensionOids.issuerAltName, (value) => ({ issuerAltName: readAltName(value) })],
  [
    extensionOids.crlDistributionPoints,
    (value) => ({ crlDistributionPoints: readCrlDistributionPoints(value) }),
  ],
  [extensionOids.nameConstraints, (value) => ({ nameConstraints: readNameConstraints(value) })],
  [extensionOids.certificatePolicies, formOnly(readCertificatePolicies)],
  [extensionOids.inhibitAnyPolicy, formOnly(readInhibitAnyPolicy)],
  [extensionOids.authorityInfoAccess, (value) => ({ authorityInfoAccess: readAuthorityInfoAccess(value) })],
]);

export const noExtensions: Extensions = { present: [], unknownCritical: [] };

/** Reads `Extensions` (RFC 5280 §4.1.2.9): at least one, none twice, each value in the form of its type. */
export function readExtensions(reader: DerReader): Extensions {
  const sequence = reader.enter(tags.sequence, 'the extensions');
  const present: ExtensionHeader[] = [];
  const unknownCritical: string[] = [];
  const values: Partial<Extensions> = {};
  do {
    const { oid, critical, value } = readOne(sequence);
    if (present.length >= limits.extensionsMax || present.some((other) => other.oid === oid))
      throw new PkiError(
        'pki.certificate',
        `extension \`${oid}\` is given twice or one too many (RFC 5280 section 4.2)`,
      );
    present.push({ oid, critical });
    if (value !== undefined) Object.assign(values, value);
    else if (critical) unknownCritical.push(oid);
  } while (!sequence.done);
  return { ...values, present, unknownCritical };
}

/** `value` is nothing for a type that this package does not process. */
interface ReadExtension extends ExtensionHeader {
  readonly value: Partial<Extensions> | undefined;
}

const readBefore = new ReadBefore<ReadExtension>(256);

function readOne(sequence: DerReader): ReadExtension {
  const what = 'an extension';
  return isOfOneHolder(sequence.peek(what))
    ? readProcessed(sequence)
    : sequence.known(readBefore, what, readProcessed);
}

/** A subject key identifier (2.5.29.14) or alternative name (2.5.29.17): nobody else will have the same. */
function isOfOneHolder(extension: Uint8Array): boolean {
  const [, , tag, length, first, second, third] = extension;
  return (
    tag === tags.oid && length === 3 && first === 0x55 && second === 0x1d && (third === 14 || third === 17)
  );
}

function readProcessed(sequence: DerReader): ReadExtension {
  const { oid, critical, value } = readExtension(sequence);
  const parse = parsers.get(oid);
  return { oid, critical, value: parse === undefined ? undefined : parseWhole(parse, value) };
}

/** One `Extension`: its type, whether it is critical, and the octets of its value. */
export function readExtension(sequence: DerReader): ExtensionHeader & { readonly value: Uint8Array } {
  const extension = sequence.enter(tags.sequence, 'an extension');
  const oid = readOid(extension, "an extension's type");
  const critical = readFlag(extension, "an extension's critical mark");
  const value = extension.content(tags.octetString, "an extension's value");
  extension.end('an extension');
  return { oid, critical, value };
}

function parseWhole(
  parse: (value: DerReader) => Partial<Extensions>,
  value: Uint8Array,
): Partial<Extensions> {
  const reader = openDer(value, limits.certificateBytesMax);
  const parsed = parse(reader);
  reader.end("an extension's value");
  return parsed;
}

/** Whether the extension is there and marked critical. */
export function isCritical(extensions: Extensions, oid: string): boolean {
  return extensions.present.some((extension) => extension.oid === oid && extension.critical);
}

export function hasExtension(extensions: Extensions, oid: string): boolean {
  return extensions.present.some((extension) => extension.oid === oid);
}
