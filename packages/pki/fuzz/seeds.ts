import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { Signer } from '@fleetward/core';
import {
  bitString,
  element,
  explicit,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
  smallInteger,
  unsigned,
  utf8String,
} from '../src/der/writer.ts';
import {
  buildTbsOcsp,
  type Certificate,
  type Crl,
  issueCertificate,
  issueCrl,
  makeName,
  parseOcspRequest,
  parsePublicKey,
} from '../src/index.ts';
import { encodeSubjectAltName } from '../src/issue/encode-extensions.ts';
import { algorithmOids, otherOids } from '../src/oids.ts';
import { encodeSignatureAlgorithm } from '../src/signature.ts';

const atMs = Date.UTC(2026, 0, 1);
const yearMs = 365 * 86_400_000;
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const deviceKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const deviceSpki = new Uint8Array(deviceKeys.publicKey.export({ type: 'spki', format: 'der' }));
const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
const signer: Signer = {
  algorithm: 'ecdsa-p256-sha256',
  publicKey: spki,
  sign: async (message) => signed(message, privateKey),
};

function signed(message: Uint8Array, key: KeyObject): Uint8Array {
  return new Uint8Array(sign('sha256', message, key));
}

/** A root with a fresh key: seeds are made when a target is loaded, none is stored. */
export const root: Certificate = await issueCertificate({
  profile: 'root-ca',
  issuer: 'self',
  subject: makeName([
    ['country', 'DE'],
    ['commonName', 'Seed Root'],
  ]),
  publicKey: parsePublicKey(spki),
  notBeforeMs: atMs,
  notAfterMs: atMs + yearMs,
  signer,
  random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
});

/** A device certificate of that root with every extension we issue. */
export const device: Certificate = await issueCertificate({
  profile: 'device',
  issuer: root,
  subject: makeName([['commonName', 'seed-device']]),
  publicKey: parsePublicKey(deviceSpki),
  notBeforeMs: atMs,
  notAfterMs: atMs + yearMs,
  subjectAltName: [
    { kind: 'dns', value: 'a.example' },
    { kind: 'ip', value: '2001:db8::1' },
    { kind: 'directory', name: root.subject },
  ],
  crlUrls: ['http://crl.example/'],
  ocspUrls: ['http://ocsp.example/'],
  signer,
  random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
});

export const crl: Crl = await issueCrl({
  issuer: root,
  signer,
  number: 1n,
  thisUpdateMs: atMs,
  nextUpdateMs: atMs + yearMs / 12,
  revoked: [
    { serial: device.serial, revokedAtMs: atMs - 1000, reason: 'keyCompromise' },
    { serial: 'ff01', revokedAtMs: atMs - 1000, reason: 'unspecified' },
  ],
});

/** A CSR with a challenge password and alternative names. */
export const csrDer: Uint8Array = makeCsr();

function makeCsr(): Uint8Array {
  const attribute = (type: string, value: Uint8Array) => sequence(oid(type), setOf(value));
  const extensions = sequence(encodeSubjectAltName([{ kind: 'uri', value: 'urn:seed' }]));
  const tbs = sequence(
    smallInteger(0),
    device.subject.der,
    deviceSpki,
    explicit(
      0,
      attribute(otherOids.challengePassword, utf8String('secret')),
      attribute(otherOids.extensionRequest, extensions),
      attribute('1.2.3.4', element(0x31, octetString(Uint8Array.of(1)))),
    ),
  );
  return sequence(
    tbs,
    encodeSignatureAlgorithm('ecdsa-p256-sha256'),
    bitString(signed(tbs, deviceKeys.privateKey)),
  );
}

const hashOf = (bytes: Uint8Array) => new Uint8Array(createHash('sha1').update(bytes).digest());
const nonce = octetString(new Uint8Array(randomBytes(16)));

/** What `openssl ocsp` asks about the device's certificate, nonce included. */
export const ocspRequest: Uint8Array = sequence(
  sequence(
    sequence(
      sequence(
        sequence(
          sequence(oid(algorithmOids.sha1), nullValue()),
          octetString(hashOf(root.subject.der)),
          octetString(hashOf(root.publicKey.bits)),
          unsigned(Buffer.from(device.serial, 'hex')),
        ),
      ),
    ),
    explicit(2, sequence(sequence(oid(otherOids.ocspNonce), octetString(nonce)))),
  ),
);

/** What is signed in the answer to it. */
export const ocspTbs: Uint8Array = buildTbsOcsp({
  issuer: root,
  statuses: parseOcspRequest(ocspRequest).certIds.map((certId) => ({
    certId,
    status: { kind: 'revoked', atMs, reason: 'keyCompromise' },
  })),
  producedAtMs: atMs,
  nextUpdateMs: atMs + 3_600_000,
  nonce,
});
