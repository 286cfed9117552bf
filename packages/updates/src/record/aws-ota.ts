import { type Json, type JsonObject, toBase64 } from '@fleetward/core';
import { isObject } from '../metadata/envelope.ts';
import { bytesOfMember } from './base64-member.ts';

/** By what AWS IoT's OTA libraries trust an image: they read no metadata of ours. */
export interface AwsOtaSigning {
  /** ECDSA P-256 over the SHA-256 of the image, by the firmware engineer's own key: an ECDSA-Sig-Value (RFC 3279 2.2.3) in DER. */
  readonly signature: Uint8Array;
  /** Under which name the device has the certificate that it checks the signature with. */
  readonly certFile: string;
}

const signatureBytesMax = 72;

/** The member of a release's `custom` field. */
export function memberOfAwsOta({ signature, certFile }: AwsOtaSigning): JsonObject {
  return { signature: toBase64(signature), certFile };
}

/** `undefined` for what is not of its form. */
export function awsOtaOf(member: Json | undefined): AwsOtaSigning | undefined {
  if (!isObject(member)) return undefined;
  const { certFile } = member;
  const signature = bytesOfMember(member.signature, signatureBytesMax);
  if (signature === undefined || typeof certFile !== 'string') return undefined;
  const signing = { signature, certFile };
  return isAwsOtaSigning(signing) ? signing : undefined;
}

export function isAwsOtaSigning({ signature, certFile }: AwsOtaSigning): boolean {
  return isPlainText(certFile) && isP256Signature(signature);
}

/** AWS's parser for embedded C takes texts as they stand in the JSON, escapes and all: none may need one. */
function isPlainText(value: string): boolean {
  return /^[ !#-[\]-~]{1,128}$/.test(value);
}

/** SEQUENCE of two INTEGERs, each positive, of at most 32 bytes and in its shortest form (X.690 8.3.2, 10.1). */
function isP256Signature(der: Uint8Array): boolean {
  if (der.length > signatureBytesMax || der[0] !== 0x30 || der[1] !== der.length - 2) return false;
  const middle = integerEnd(der, 2);
  return middle !== undefined && integerEnd(der, middle) === der.length;
}

function integerEnd(der: Uint8Array, start: number): number | undefined {
  const length = der[start + 1] ?? 0;
  const [first = 0, second = 0] = der.subarray(start + 2, start + 2 + length);
  const end = start + 2 + length;
  if (der[start] !== 0x02 || length === 0 || end > der.length) return undefined;
  if (first === 0) return length > 1 && length <= 33 && second >= 0x80 ? end : undefined;
  return first < 0x80 && length <= 32 ? end : undefined;
}
