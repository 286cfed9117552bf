import { fromHex, toHex } from '@fleetward/core';
import { encodeTime } from '../src/der/time.ts';
import { bitString, element, explicit, sequence, smallInteger } from '../src/der/writer.ts';
import { type Certificate, makeName, type Name, parseCertificate } from '../src/index.ts';
import {
  encodeAuthorityKeyId,
  encodeExtendedKeyUsage,
  encodeKeyUsage,
  encodeSubjectKeyId,
} from '../src/issue/encode-extensions.ts';
import { otherOids } from '../src/oids.ts';
import { keyIdentifier } from '../src/public-key.ts';
import { encodeSignatureAlgorithm } from '../src/signature.ts';
import { dayMs, newKey, nowMs, type TestKey } from './test-ca.ts';

export interface CraftedParts {
  readonly issuerName: Name;
  readonly issuerKey: TestKey;
  readonly key: TestKey;
  readonly subject: Name;
  /** 0 is version 1. */
  readonly version: number;
  /** Content octets of the INTEGER. */
  readonly serial: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** In place of the two times. */
  readonly validity: Uint8Array;
  readonly algorithm: Uint8Array;
  /** Beside the signature; else the one inside. */
  readonly outerAlgorithm: Uint8Array;
  readonly extensions: readonly Uint8Array[];
}

/** Extensions of an acceptable device certificate. */
export function leafExtensions(key: TestKey, issuerKey: TestKey): readonly Uint8Array[] {
  return [
    encodeKeyUsage(['digitalSignature']),
    encodeExtendedKeyUsage([otherOids.clientAuth]),
    encodeSubjectKeyId(keyIdentifier(key.parsed)),
    encodeAuthorityKeyId(toHex(keyIdentifier(issuerKey.parsed))),
  ];
}

type CraftWish = Pick<CraftedParts, 'issuerName' | 'issuerKey'> & Partial<CraftedParts>;

/** A certificate that no linter stands in the way of: for what others might sign. */
export async function craft(parts: CraftWish): Promise<Certificate> {
  return parseCertificate(await craftDer(parts));
}

/** The same for what may be no certificate at all. */
export async function craftDer(parts: CraftWish): Promise<Uint8Array> {
  const key = parts.key ?? newKey();
  const algorithm = parts.algorithm ?? encodeSignatureAlgorithm(parts.issuerKey.algorithm);
  const extensions = parts.extensions ?? leafExtensions(key, parts.issuerKey);
  const version = parts.version ?? 2;
  const tbs = sequence(
    ...(version === 0 ? [] : [explicit(0, smallInteger(version))]),
    element(0x02, parts.serial ?? fromHex('4102030405060708')),
    algorithm,
    parts.issuerName.der,
    parts.validity ??
      sequence(encodeTime(parts.notBeforeMs ?? nowMs - dayMs), encodeTime(parts.notAfterMs ?? nowMs + dayMs)),
    (parts.subject ?? makeName([['commonName', 'crafted']])).der,
    key.publicKey,
    ...(extensions.length > 0 ? [explicit(3, sequence(...extensions))] : []),
  );
  return sequence(tbs, parts.outerAlgorithm ?? algorithm, bitString(await parts.issuerKey.sign(tbs)));
}
