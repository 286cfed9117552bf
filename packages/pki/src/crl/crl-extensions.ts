import { toHex } from '@fleetward/core';
import { type AuthorityKeyId, readAuthorityKeyId } from '../certificate/extension-values.ts';
import { readExtension } from '../certificate/extensions.ts';
import type { DerReader } from '../der/reader.ts';
import { openDer } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readUnsigned } from '../der/values.ts';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';
import { extensionOids } from '../oids.ts';

export interface CrlExtensions {
  readonly authorityKeyId: AuthorityKeyId;
  /** RFC 5280 §5.2.3; at most 20 octets. */
  readonly number: bigint;
  /** Critical extensions we do not process, such as an issuing distribution point: the CRL is not the whole truth then. */
  readonly unknownCritical: readonly string[];
}

/** Reads `crlExtensions` (RFC 5280 §5.2): authority key identifier and number must be there. */
export function readCrlExtensions(explicit: DerReader): CrlExtensions {
  const extensions = explicit.enter(tags.sequence, "the CRL's extensions");
  explicit.end("the CRL's extensions");
  const values = new Map<string, Uint8Array>();
  const unknownCritical: string[] = [];
  do {
    const { oid, critical, value } = readExtension(extensions);
    if (values.has(oid) || values.size >= limits.extensionsMax)
      throw new PkiError('pki.crl', `the CRL extension \`${oid}\` is given twice or one too many`);
    values.set(oid, value);
    if (critical && !known.includes(oid)) unknownCritical.push(oid);
  } while (!extensions.done);
  const authorityKeyId = parseValue(values.get(extensionOids.authorityKeyId), readAuthorityKeyId);
  const number = parseValue(values.get(extensionOids.crlNumber), readCrlNumber);
  return { authorityKeyId, number, unknownCritical };
}

const known: readonly string[] = [extensionOids.authorityKeyId, extensionOids.crlNumber];

function parseValue<Value>(bytes: Uint8Array | undefined, read: (reader: DerReader) => Value): Value {
  if (bytes === undefined)
    throw new PkiError(
      'pki.crl',
      'the CRL has no authority key identifier or no number (RFC 5280 section 5.2)',
    );
  const reader = openDer(bytes, limits.certificateBytesMax);
  const value = read(reader);
  reader.end('a CRL extension');
  return value;
}

function readCrlNumber(reader: DerReader): bigint {
  const magnitude = readUnsigned(reader, 'the CRL number');
  if (magnitude.length <= limits.serialOctetsMax) return BigInt(`0x${toHex(magnitude)}`);
  throw new PkiError('pki.crl', 'the CRL number has more than 20 octets (RFC 5280 section 5.2.3)');
}
