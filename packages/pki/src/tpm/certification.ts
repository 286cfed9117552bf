import { constants, verify } from 'node:crypto';
import { concatBytes } from '@fleetward/core';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';
import { keyObjectOf, type PublicKey } from '../public-key.ts';
import { type TpmHash, tpmAlgorithms, tpmHash } from './algorithms.ts';
import { padded } from './public-area.ts';
import { TpmReader } from './reader.ts';

/** TPM_GENERATED_VALUE (TPM 2.0 Part 2 §6.2): a restricted key signs nothing that begins so but what its TPM made. */
const generatedByTpm = 0xff54_4347;
/** TPM_ST_ATTEST_CERTIFY (TPM 2.0 Part 2 §6.9). */
const certifyType = 0x8017;
/** TPMS_CLOCK_INFO and the firmware version. */
const clockAndFirmwareBytes = 17 + 8;

/** What a TPM says of a key that it holds, by TPM2_Certify (TPM 2.0 Part 3 §18.2). */
export interface TpmCertification {
  /** The name of the key that is certified. */
  readonly name: Uint8Array;
  /** All that is signed. */
  readonly signed: Uint8Array;
}

/** Parses a TPMS_ATTEST of a key (TPM 2.0 Part 2 §10.12.12). Throws `pki.tpm` or `pki.too_large`. */
export function parseTpmCertification(bytes: Uint8Array): TpmCertification {
  const what = 'the attestation';
  const reader = new TpmReader(bytes, { what, bytesMax: limits.tpmStructureBytesMax });
  if (reader.uint32() !== generatedByTpm)
    throw new PkiError('pki.tpm', `${what} does not begin with TPM_GENERATED_VALUE: no TPM made it`);
  if (reader.uint16() !== certifyType) throw new PkiError('pki.tpm', `${what} is not of TPM2_Certify`);
  reader.sized(); // qualifiedSigner
  reader.sized(); // extraData
  reader.take(clockAndFirmwareBytes);
  const name = reader.sized();
  reader.sized(); // qualifiedName
  reader.end();
  return { name, signed: bytes };
}

/** A TPMT_SIGNATURE, ECDSA's as r ‖ s. */
interface TpmSignature {
  readonly scheme: 'ecdsa' | 'rsassa' | 'rsapss';
  readonly hash: TpmHash;
  readonly parts: readonly Uint8Array[];
}

/** Whether `signature`, a TPMT_SIGNATURE (TPM 2.0 Part 2 §11.3.4), is the key's over `message`. Throws `pki.tpm` or `pki.too_large` for what is none. */
export function verifyTpmSignature(
  key: PublicKey,
  { message, signature }: { readonly message: Uint8Array; readonly signature: Uint8Array },
): boolean {
  const { scheme, hash, parts } = readSignature(signature);
  if (key.kind === 'ec' && scheme === 'ecdsa') {
    const bytes = concatBytes(parts.map((part) => padded(part, key.sizeBits / 8)));
    return verify(hash, message, { key: keyObjectOf(key), dsaEncoding: 'ieee-p1363' }, bytes);
  }
  if (key.kind !== 'rsa' || scheme === 'ecdsa') return false;
  const padding = scheme === 'rsapss' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  const saltLength = constants.RSA_PSS_SALTLEN_AUTO;
  return verify(hash, message, { key: keyObjectOf(key), padding, saltLength }, concatBytes(parts));
}

const schemes = {
  [tpmAlgorithms.ecdsa]: 'ecdsa',
  [tpmAlgorithms.rsassa]: 'rsassa',
  [tpmAlgorithms.rsapss]: 'rsapss',
} as const;

function readSignature(bytes: Uint8Array): TpmSignature {
  const what = 'the signature';
  const reader = new TpmReader(bytes, { what, bytesMax: limits.tpmStructureBytesMax });
  const scheme = schemes[reader.uint16() as keyof typeof schemes];
  if (scheme === undefined) throw new PkiError('pki.tpm', `${what} is no ECDSA, RSASSA or RSAPSS signature`);
  const hash = tpmHash(reader.uint16(), 'the hash of the signature');
  const parts = scheme === 'ecdsa' ? [reader.sized(), reader.sized()] : [reader.sized()];
  reader.end();
  return { scheme, hash, parts };
}
