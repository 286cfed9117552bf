import type { Random, Signer } from '@fleetward/core';
import { type Certificate, certificateIdOf } from '../certificate/certificate.ts';
import { parseTbsCertificate, type TbsCertificate } from '../certificate/tbs-certificate.ts';
import { bitString, sequence } from '../der/writer.ts';
import { PkiError } from '../errors.ts';
import { encodeSignatureAlgorithm, verifySignatureAside } from '../signature.ts';
import { buildTbsCertificate, type CertificateContent } from './build-tbs-certificate.ts';
import { assertIssuerFits, newSerials } from './issue-certificate.ts';
import { lintTbsCertificate } from './lint-certificate.ts';
import { isProfileUri } from './profiles.ts';

/** Certificates of one CA, to be signed in one go. */
export interface TogetherRequest {
  readonly issuer: Certificate;
  readonly signer: Signer;
  readonly random: Random;
  readonly contents: readonly Omit<CertificateContent, 'issuer'>[];
}

/**
 * As `issueCertificate` for many: every one is linted before the first is signed (by a signer that lints, beside the key: what guards
 * the key is not done a second time here), and signatures are verified as `assertSigned` says, beside the event loop. All of them are
 * issued, in their order, or none is.
 */
export async function issueTogether(request: TogetherRequest): Promise<readonly Certificate[]> {
  const { issuer, signer, random, contents } = request;
  const serials = newSerials(contents.length, random);
  const built = contents.map((own, at) => {
    const content = { ...own, issuer };
    assertIssuerFits({ ...content, signer });
    assertOwnProfile(own);
    const tbs = buildTbsCertificate(content, { algorithm: signer.algorithm, serial: serials[at]! });
    const parsed = signer.lints ? parseTbsCertificate(tbs) : lintTbsCertificate(tbs, own.profile);
    return { tbs, parsed };
  });
  const signatures = await signAll(
    signer,
    built.map(({ tbs }) => tbs),
  );
  if (signatures.length !== built.length)
    throw new PkiError('pki.issue', `the signer returned ${signatures.length} signatures of ${built.length}`);
  const algorithm = encodeSignatureAlgorithm(signer.algorithm);
  const certificates = built.map(({ tbs, parsed }, at) =>
    assemble(parsed, { tbs, algorithm, signature: signatures[at] ?? new Uint8Array(0) }),
  );
  await assertSigned(certificates, request);
  return certificates;
}

/**
 * Beside the key nobody knows which profile was asked for, and the names that a profile gives are all that tells those of devices
 * apart: one that came along would make a certificate of another profile than is recorded.
 */
function assertOwnProfile({ profile, subjectAltName = [] }: Omit<CertificateContent, 'issuer'>): void {
  if (!subjectAltName.some(isProfileUri)) return;
  throw new PkiError(
    'pki.lint',
    `the names of a \`${profile}\` certificate include one that profiles alone give`,
  );
}

function signAll(signer: Signer, messages: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  return signer.signAll?.(messages) ?? Promise.all(messages.map((message) => signer.sign(message)));
}

function assemble(
  parsed: TbsCertificate,
  parts: { readonly tbs: Uint8Array; readonly algorithm: Uint8Array; readonly signature: Uint8Array },
): Certificate {
  const { tbs, algorithm, signature } = parts;
  const der = sequence(tbs, algorithm, bitString(signature));
  return { ...parsed, der, tbs, signature, id: certificateIdOf(der) };
}

/**
 * From a token each signature is verified: nothing else shows what goes wrong there. OpenSSL on this machine does the same for each, so
 * that what is broken is still broken at the last of them; one that a passing fault spoils is of no use to anybody, as whoever is shown
 * it refuses it. For ECDSA alone, whose verification costs three signatures (docs/adr/0003).
 */
async function assertSigned(
  certificates: readonly Certificate[],
  { issuer, signer }: Pick<TogetherRequest, 'issuer' | 'signer'>,
): Promise<void> {
  const lastAlone = signer.inSoftware === true && signer.algorithm.startsWith('ecdsa-');
  const verdicts = await Promise.all(
    (lastAlone ? certificates.slice(-1) : certificates).map(
      ({ signatureAlgorithm: algorithm, tbs: message, signature }) =>
        verifySignatureAside(issuer.publicKey, { algorithm, message, signature }),
    ),
  );
  if (verdicts.every((isRight) => isRight)) return;
  throw new PkiError('pki.issue', 'the signer returned a signature that does not verify');
}
