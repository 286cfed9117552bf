import { concatBytes, type Json, type JsonObject, type Sha256, utf8 } from '@fleetward/core';
import { isObject } from '../metadata/envelope.ts';
import { importVerificationKey, type VerificationKey } from '../metadata/key.ts';
import { isSignedBy } from '../metadata/threshold.ts';
import { notOne, parseDocument } from './document-json.ts';

/** What an attestation says of an artifact. */
export interface ProvenanceSummary {
  /** Such as `https://slsa.dev/provenance/v1`. */
  readonly predicateType: string;
  /** The name the attestation gives to the artifact, where it gives one. */
  readonly subject?: string;
}

const envelopeName = 'an attestation in a DSSE envelope';
const statementName = 'an in-toto statement';
const payloadType = 'application/vnd.in-toto+json';
const statementTypes = ['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1'];
const signaturesMax = 16;
const subjectsMax = 1024;

/**
 * Verifies an in-toto statement in a DSSE envelope: signed by this key (SubjectPublicKeyInfo, DER; Ed25519, ECDSA P-256 or RSA-PSS with a salt of 32
 * bytes) and about the artifact of this SHA-256. Throws `updates.record_invalid`.
 */
export function verifyProvenance(
  bytes: Uint8Array,
  { publicKey, sha256 }: { readonly publicKey: Uint8Array; readonly sha256: Sha256 },
): ProvenanceSummary {
  const { payload, signatures } = parseEnvelope(bytes);
  const key = importVerificationKey(publicKey);
  if (!signatures.some((signature) => isSigned(payload, { signature, key })))
    throw notOne(envelopeName, 'none of its signatures is by the key that was given');
  return statementAbout(payload, sha256);
}

/** DSSE protocol: what is signed is the pre-authentication encoding, never the payload alone. */
function isSigned(
  payload: Uint8Array,
  { signature, key }: { readonly signature: Uint8Array; readonly key: VerificationKey },
): boolean {
  const header = `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `;
  return isSignedBy(key, concatBytes([utf8(header), payload]), signature);
}

function parseEnvelope(bytes: Uint8Array) {
  const envelope = parseDocument(bytes, envelopeName);
  if (envelope.payloadType !== payloadType)
    throw notOne(envelopeName, `\`payloadType\` must be \`${payloadType}\``);
  const { signatures } = envelope;
  if (!Array.isArray(signatures) || signatures.length < 1 || signatures.length > signaturesMax)
    throw notOne(envelopeName, `expected 1 to ${signaturesMax} signatures`);
  const sigs = signatures.map((entry: Json) => base64Of(isObject(entry) ? entry.sig : undefined, 'sig'));
  return { payload: base64Of(envelope.payload, 'payload'), signatures: sigs };
}

/** DSSE allows both alphabets of base64. */
function base64Of(value: Json | undefined, name: string): Uint8Array {
  const text = typeof value === 'string' ? value.replaceAll('-', '+').replaceAll('_', '/') : '';
  const bytes = Buffer.from(text, 'base64');
  if (text === '' || bytes.toString('base64') !== text)
    throw notOne(envelopeName, `\`${name}\` must be canonical base64 (RFC 4648 section 4 or 5, padded)`);
  return new Uint8Array(bytes);
}

function statementAbout(payload: Uint8Array, sha256: Sha256): ProvenanceSummary {
  const { _type, subject, predicateType } = parseDocument(payload, statementName);
  if (typeof _type !== 'string' || !statementTypes.includes(_type))
    throw notOne(statementName, `\`_type\` must be \`${statementTypes[0]}\``);
  if (typeof predicateType !== 'string' || predicateType.length > 512)
    throw notOne(statementName, 'it needs a `predicateType`');
  if (!Array.isArray(subject) || subject.length > subjectsMax)
    throw notOne(statementName, `\`subject\` must be a list of at most ${subjectsMax}`);
  const found = subject.find((entry: Json) => digestOf(entry) === sha256) as JsonObject | undefined;
  if (found === undefined)
    throw notOne(statementName, `it is about other artifacts than the one with the SHA-256 ${sha256}`);
  return { predicateType, ...(typeof found.name === 'string' && { subject: found.name.slice(0, 512) }) };
}

function digestOf(entry: Json): Json | undefined {
  return isObject(entry) && isObject(entry.digest) ? entry.digest.sha256 : undefined;
}
