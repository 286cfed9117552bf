import { equalBytes, type Signer } from '@fleetward/core';
import { type Csr, parseCsr, parseTbsCsr, type TbsCsr, verifyCsrSignature } from '../csr.ts';
import { bitString, explicit, sequence, smallInteger } from '../der/writer.ts';
import { PkiError } from '../errors.ts';
import { checkPublicKey } from '../key-rules.ts';
import type { Name } from '../names/name.ts';
import { nameFindings } from '../names/name-rules.ts';
import { encodeSignatureAlgorithm } from '../signature.ts';

export interface CsrRequest {
  readonly subject: Name;
  /** Holds the key that is to be certified. */
  readonly signer: Signer;
}

/** Build, lint, sign, assemble, verify a CSR without attributes (RFC 2986): what it is to be is decided by who signs. */
export async function issueCsr({ subject, signer }: CsrRequest): Promise<Csr> {
  const tbs = buildTbsCsr(subject, signer.publicKey);
  lintTbsCsr(tbs);
  const signature = await signer.sign(tbs);
  const csr = parseCsr(sequence(tbs, encodeSignatureAlgorithm(signer.algorithm), bitString(signature)));
  if (!verifyCsrSignature(csr))
    throw new PkiError('pki.issue', 'the signer returned a signature that does not verify');
  return csr;
}

/** Judges the to-be-signed bytes of a CSR on their own: a name, a key within our rules, and nothing else. Throws `pki.lint`. */
export function lintTbsCsr(tbs: Uint8Array): void {
  const parsed = parseForLint(tbs);
  const findings = [...csrFindings(parsed)];
  if (findings.length === 0 && !equalBytes(tbs, buildTbsCsr(parsed.subject, parsed.publicKey.spki)))
    findings.push('more than a name and a key');
  if (findings.length === 0) return;
  throw new PkiError('pki.lint', `not a CSR to sign: ${findings.join('; ')}`, { details: { findings } });
}

function buildTbsCsr(subject: Name, spki: Uint8Array): Uint8Array {
  return sequence(smallInteger(0), subject.der, spki, explicit(0));
}

function parseForLint(tbs: Uint8Array): TbsCsr {
  try {
    return parseTbsCsr(tbs);
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    throw new PkiError('pki.lint', `not a CSR to sign: ${cause.message}`, {
      cause,
      details: { findings: [cause.message] },
    });
  }
}

function* csrFindings({ subject, publicKey }: TbsCsr): Iterable<string> {
  yield* nameFindings(subject, 'the subject');
  if (subject.attributes.commonName?.length !== 1) yield 'the subject must have one commonName';
  const verdict = checkPublicKey(publicKey);
  if (verdict.kind === 'refused') yield verdict.reason;
}
