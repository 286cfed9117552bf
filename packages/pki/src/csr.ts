import { type Extensions, noExtensions, readExtensions } from './certificate/extensions.ts';
import { type DerReader, openDer } from './der/reader.ts';
import { contextConstructed, tags } from './der/tags.ts';
import { readOid, readSmallInteger } from './der/values.ts';
import { PkiError } from './errors.ts';
import { checkRequestedKey, type KeyRules, noKeyRules } from './key-rules.ts';
import { limits } from './limits.ts';
import { type Name, readName } from './names/name.ts';
import { readDirectoryString } from './names/strings.ts';
import { otherOids } from './oids.ts';
import { type PublicKey, readPublicKey } from './public-key.ts';
import {
  readCsrSignatureAlgorithm,
  type SignatureAlgorithm,
  verifySignature,
  verifySignatureAside,
} from './signature.ts';
import { parseSigned } from './signed.ts';

/** A PKCS #10 certification request (RFC 2986). What it asks for is a wish: profiles decide what is issued. */
export interface Csr {
  readonly der: Uint8Array;
  readonly tbs: Uint8Array;
  readonly subject: Name;
  readonly publicKey: PublicKey;
  /** The extensions asked for (RFC 2985 §5.4.2). */
  readonly requestedExtensions: Extensions;
  /** RFC 2985 §5.4.1; EST uses it to link a request to its TLS connection (RFC 7030 §3.5). */
  readonly challengePassword?: string;
  /** Dotted object identifiers of all attributes, known or not. */
  readonly attributeTypes: readonly string[];
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/** What is signed in a CSR. */
export type TbsCsr = Pick<
  Csr,
  'subject' | 'publicKey' | 'requestedExtensions' | 'challengePassword' | 'attributeTypes'
>;

/** Parses one DER CSR. Throws `PkiError`; neither its signature nor its key has been judged yet. */
export function parseCsr(der: Uint8Array): Csr {
  const readAlgorithm = readCsrSignatureAlgorithm;
  const rules = { what: 'the CSR', bytesMax: limits.csrBytesMax, readBody, readAlgorithm };
  const { tbs, body, signatureAlgorithm, signature } = parseSigned(der, rules);
  return { ...body, der, tbs, signatureAlgorithm, signature };
}

/** Parses a CertificationRequestInfo alone, as a linter is given it. */
export function parseTbsCsr(tbs: Uint8Array): TbsCsr {
  const reader = openDer(tbs, limits.csrBytesMax);
  const parsed = readBody(reader);
  reader.end('the CSR');
  return parsed;
}

export type CsrVerdict =
  | { readonly kind: 'accepted' }
  | {
      readonly kind: 'refused';
      readonly code: 'weak_key' | 'weak_signature' | 'bad_signature';
      readonly reason: string;
    };

/** Everything a CSR must pass before its wishes are read: a key within our rules, and proof that the requester holds it. */
export function checkCsr(csr: Csr, rules: KeyRules = noKeyRules): CsrVerdict {
  return flawBeforeProof(csr, rules) ?? proofVerdict(verifyCsrSignature(csr));
}

/** As `checkCsr`, with the signature verified beside the event loop: for many at once. */
export async function checkCsrAside(csr: Csr, rules: KeyRules = noKeyRules): Promise<CsrVerdict> {
  const { signatureAlgorithm: algorithm, tbs: message, signature } = csr;
  const flaw = flawBeforeProof(csr, rules);
  return flaw ?? proofVerdict(await verifySignatureAside(csr.publicKey, { algorithm, message, signature }));
}

function flawBeforeProof({ publicKey, signatureAlgorithm }: Csr, rules: KeyRules): CsrVerdict | undefined {
  const key = checkRequestedKey(publicKey, rules);
  if (key.kind === 'refused') return { ...key, code: 'weak_key' };
  if (signatureAlgorithm.kind !== 'unsupported') return undefined;
  return { kind: 'refused', code: 'weak_signature', reason: signatureAlgorithm.reason };
}

function proofVerdict(isProved: boolean): CsrVerdict {
  if (isProved) return { kind: 'accepted' };
  return { kind: 'refused', code: 'bad_signature', reason: "the CSR's signature is not by the key in it" };
}

/** Whether the requester holds the private key. False also for an algorithm or key this package does not take. */
export function verifyCsrSignature(csr: Csr): boolean {
  const { signatureAlgorithm: algorithm, tbs: message, signature } = csr;
  try {
    return verifySignature(csr.publicKey, { algorithm, message, signature });
  } catch (cause) {
    if (cause instanceof PkiError) return false;
    throw cause;
  }
}

function readBody(reader: DerReader): TbsCsr {
  const body = reader.enter(tags.sequence, 'the CSR');
  if (readSmallInteger(body, "the CSR's version") !== 0)
    throw new PkiError('pki.csr', 'the CSR is not of version 1 (RFC 2986 section 4.1)');
  const subject = readName(body, 'the subject');
  const publicKey = readPublicKey(body);
  const attributes = readAttributes(body.enter(contextConstructed(0), "the CSR's attributes"));
  body.end('the CSR');
  return { subject, publicKey, ...attributes };
}

interface Attributes {
  requestedExtensions: Extensions;
  challengePassword?: string;
  attributeTypes: readonly string[];
}

// The order of this SET is not checked: widespread generators leave it as given, and nothing is compared by it.
function readAttributes(set: DerReader): Attributes {
  const found: Attributes = { requestedExtensions: noExtensions, attributeTypes: [] };
  const seen = new Set<string>();
  while (!set.done) {
    const attribute = set.enter(tags.sequence, 'a CSR attribute');
    const type = readOid(attribute, 'a CSR attribute');
    if (seen.has(type) || seen.size >= limits.attributesMax)
      throw new PkiError('pki.csr', `the CSR attribute \`${type}\` is given twice or one too many`);
    seen.add(type);
    readAttribute(type, { values: attribute.enter(tags.set, 'a CSR attribute'), found });
    attribute.end('a CSR attribute');
  }
  found.attributeTypes = [...seen];
  return found;
}

function readAttribute(type: string, { values, found }: { values: DerReader; found: Attributes }): void {
  if (type === otherOids.extensionRequest) found.requestedExtensions = readExtensions(values);
  else if (type === otherOids.challengePassword)
    found.challengePassword = readDirectoryString(values, 'the challenge password');
  else while (!values.done) values.any('a CSR attribute');
  values.end('a CSR attribute with one value');
}
