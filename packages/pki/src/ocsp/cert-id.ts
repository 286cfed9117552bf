import { hash } from 'node:crypto';
import { equalBytes, fromHex, toHex } from '@fleetward/core';
import type { Certificate } from '../certificate/certificate.ts';
import type { DerReader } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readNull, readOid, readUnsigned } from '../der/values.ts';
import { nullValue, octetString, oid, sequence, unsigned } from '../der/writer.ts';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';
import { algorithmOids } from '../oids.ts';

/** Whose status is asked for (RFC 6960 §4.1.1). */
export interface CertId {
  /** Nothing for an algorithm that is not ours: such an identifier is of no issuer we know. */
  readonly hash: 'sha1' | 'sha256' | undefined;
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
  /** As `Certificate.serial` has it. */
  readonly serial: string;
  /** As it came: an answer repeats it. */
  readonly der: Uint8Array;
}

const hashes: ReadonlyMap<string, 'sha1' | 'sha256'> = new Map([
  [algorithmOids.sha1, 'sha1'],
  [algorithmOids.sha256, 'sha256'],
]);

export function readCertId(reader: DerReader): CertId {
  const der = reader.peek('a CertID');
  const certId = reader.enter(tags.sequence, 'a CertID');
  const algorithm = certId.enter(tags.sequence, "a CertID's hash algorithm");
  const hash = hashes.get(readOid(algorithm, "a CertID's hash algorithm"));
  if (!algorithm.done) readNull(algorithm, "a CertID's hash parameters");
  algorithm.end("a CertID's hash algorithm");
  const issuerNameHash = certId.content(tags.octetString, "the hash of the issuer's name");
  const issuerKeyHash = certId.content(tags.octetString, "the hash of the issuer's key");
  const serial = readUnsigned(certId, 'the serial number');
  if (serial.length > limits.serialOctetsMax)
    throw new PkiError('pki.ocsp', 'a serial number of more than 20 octets (RFC 5280 section 4.1.2.2)');
  certId.end('a CertID');
  return { hash, issuerNameHash, issuerKeyHash, serial: toHex(serial), der };
}

/** Whether the identifier is of a certificate that `issuer` issued, or could have. */
export function isIssuedBy({ hash, issuerNameHash, issuerKeyHash }: CertId, issuer: Certificate): boolean {
  if (hash === undefined) return false;
  const { name, key } = digestsOf(issuer, hash);
  return equalBytes(issuerNameHash, name) && equalBytes(issuerKeyHash, key);
}

/** How a certificate is asked about: by SHA-1, which every client and responder takes (RFC 5019 §2.1.1). */
export function certIdOf({ serial }: Certificate, issuer: Certificate): CertId {
  const { name: issuerNameHash, key: issuerKeyHash } = digestsOf(issuer, 'sha1');
  const der = sequence(
    sequence(oid(algorithmOids.sha1), nullValue()),
    octetString(issuerNameHash),
    octetString(issuerKeyHash),
    unsigned(fromHex(serial)),
  );
  return { hash: 'sha1', issuerNameHash, issuerKeyHash, serial, der };
}

interface IssuerDigests {
  readonly name: Uint8Array;
  readonly key: Uint8Array;
}

// Every request is held against every issuer: theirs are computed once.
const digests = {
  sha1: new WeakMap<Certificate, IssuerDigests>(),
  sha256: new WeakMap<Certificate, IssuerDigests>(),
};

function digestsOf(issuer: Certificate, hash: keyof typeof digests): IssuerDigests {
  const known = digests[hash].get(issuer);
  if (known !== undefined) return known;
  const made = { name: digest(hash, issuer.subject.der), key: digest(hash, issuer.publicKey.bits) };
  digests[hash].set(issuer, made);
  return made;
}

function digest(algorithm: keyof typeof digests, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash(algorithm, bytes, 'buffer'));
}
