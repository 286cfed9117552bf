import { fromHex, utf8 } from '@fleetward/core';
import { type KeyUsage, keyUsages } from '../certificate/key-usage.ts';
import { contextConstructed, contextPrimitive } from '../der/tags.ts';
import {
  boolean,
  element,
  explicit,
  implicit,
  namedBits,
  octetString,
  oid,
  sequence,
  smallInteger,
} from '../der/writer.ts';
import { encodeGeneralName, type GeneralName } from '../names/general-name.ts';
import { extensionOids, otherOids } from '../oids.ts';

/** One `Extension` (RFC 5280 §4.1.2.9). */
export function encodeExtension(type: string, value: Uint8Array, critical = false): Uint8Array {
  return critical
    ? sequence(oid(type), boolean(true), octetString(value))
    : sequence(oid(type), octetString(value));
}

export function encodeBasicConstraints(pathLen: number | undefined): Uint8Array {
  const limit = pathLen === undefined ? [] : [smallInteger(pathLen)];
  return encodeExtension(extensionOids.basicConstraints, sequence(boolean(true), ...limit), true);
}

export function encodeKeyUsage(usages: readonly KeyUsage[]): Uint8Array {
  const bits = usages.map((usage) => keyUsages.indexOf(usage));
  return encodeExtension(extensionOids.keyUsage, namedBits(bits), true);
}

export function encodeExtendedKeyUsage(purposes: readonly string[]): Uint8Array {
  return encodeExtension(extensionOids.extendedKeyUsage, sequence(...purposes.map(oid)));
}

export function encodeSubjectKeyId(keyId: Uint8Array): Uint8Array {
  return encodeExtension(extensionOids.subjectKeyId, octetString(keyId));
}

/** `keyIdHex` is the issuer's subject key identifier. */
export function encodeAuthorityKeyId(keyIdHex: string): Uint8Array {
  return remembered(`keyid ${keyIdHex}`, () =>
    encodeExtension(extensionOids.authorityKeyId, sequence(implicit(0, fromHex(keyIdHex)))),
  );
}

export function encodeSubjectAltName(names: readonly GeneralName[]): Uint8Array {
  return encodeExtension(extensionOids.subjectAltName, sequence(...names.map(encodeGeneralName)));
}

/** One distribution point with all URLs as names of the same CRL (RFC 5280 §4.2.1.13). */
export function encodeCrlDistributionPoints(urls: readonly string[]): Uint8Array {
  return remembered(['crl', ...urls].join('\n'), () => {
    const fullName = element(contextConstructed(0), ...urls.map(encodeUrl));
    return encodeExtension(extensionOids.crlDistributionPoints, sequence(sequence(explicit(0, fullName))));
  });
}

export function encodeOcspUrls(urls: readonly string[]): Uint8Array {
  return remembered(['ocsp', ...urls].join('\n'), () => {
    const entries = urls.map((url) => sequence(oid(otherOids.ocsp), encodeUrl(url)));
    return encodeExtension(extensionOids.authorityInfoAccess, sequence(...entries));
  });
}

// One CA writes the same into each certificate. What was parsed holds visible ASCII only, so that no two lists have one key.
const knownMax = 64;
const known = new Map<string, Uint8Array>();

function remembered(key: string, encode: () => Uint8Array): Uint8Array {
  const before = known.get(key);
  if (before !== undefined) return before;
  const encoded = encode();
  if (known.size >= knownMax) known.clear();
  known.set(key, encoded);
  return encoded;
}

function encodeUrl(url: string): Uint8Array {
  return element(contextPrimitive(6), utf8(url));
}
