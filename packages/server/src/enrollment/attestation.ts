import { equalBytes, type ThingName } from '@fleetward/core';
import {
  checkRequestedKey,
  type KeyRules,
  PkiError,
  type PublicKey,
  parseCertificate,
  parseTpmCertification,
  parseTpmPublic,
  type TpmPublic,
  verifyTpmSignature,
} from '@fleetward/pki';
import { publicKeyHash } from '../certificates/index.ts';
import type { Endorsements, ShownEndorsementKey } from '../endorsements/index.ts';
import { type Refusal, refuse } from './refusal.ts';
import type { Trace } from './trace.ts';

/** What a device shows of its TPM, as the TPM marshals it. */
export interface ShownEvidence {
  /** TPM2B_PUBLIC, or the certificate of the endorsement key, DER, with what leads up to its root. */
  readonly endorsementKey:
    | { readonly publicArea: Uint8Array }
    | { readonly certificate: Uint8Array; readonly intermediates: readonly Uint8Array[] };
  /** TPM2B_PUBLIC of the key that attests. */
  readonly attestationKey: Uint8Array;
  /** TPM2B_PUBLIC of the key that the certificate will be for. */
  readonly deviceKey: Uint8Array;
  /** TPMS_ATTEST and TPMT_SIGNATURE of `TPM2_Certify`. */
  readonly certification: Uint8Array;
  readonly signature: Uint8Array;
}

/** What the evidence comes to, if the attestation key is in the TPM of the endorsement key: that is still to be shown. */
export interface JudgedEvidence {
  readonly kind: 'shown';
  readonly endorsementId: string;
  readonly endorsementKey: PublicKey;
  /** Of the attestation key, as a TPM names it. */
  readonly attestationName: Uint8Array;
  /** Of the device's key. */
  readonly keyHash: string;
}

interface JudgeParts {
  readonly endorsements: Pick<Endorsements, 'judge'>;
  readonly keyRules: KeyRules;
  readonly trace: Trace;
}

/**
 * TCG, TPM 2.0 Keys for Device Identity and Attestation: an attestation key that its TPM made and that signs nothing but what the TPM
 * itself says, and what it says of the device's key.
 */
export async function judgeEvidence(
  evidence: ShownEvidence,
  { endorsements, keyRules, trace }: JudgeParts,
): Promise<JudgedEvidence | Refusal> {
  trace.begin('evidence');
  const read = readEvidence(evidence);
  if (read.kind === 'refused') return read;
  trace.pass('the structures of the TPM can be read');
  trace.begin('endorsement');
  const { endorsementKey, attestationKey, deviceKey } = read;
  const verdict = await endorsements.judge(endorsementKey);
  if (verdict.kind === 'untrusted')
    return refuse('endorsement_untrusted', `the endorsement key is not trusted: ${verdict.reason}`, {
      deviceText: 'the endorsement key of this TPM is not trusted; ask the operator to add it',
    });
  const { endorsementId } = verdict;
  trace.pass(`endorsement key \`${endorsementId}\`: ${verdict.because}`);
  trace.begin('attestation-key');
  const flaw = attestationKeyFlaw(attestationKey, keyRules);
  if (flaw !== undefined) return refuse('attestation_refused', `the attestation key ${flaw}`);
  trace.pass('the attestation key signs only what its TPM says');
  trace.begin('device-key');
  const deviceFlaw = deviceKeyFlaw(deviceKey, keyRules);
  if (deviceFlaw !== undefined) return refuse('attestation_refused', `the device’s key ${deviceFlaw}`);
  trace.pass('the device’s key was made in its TPM and cannot leave it, if the attestation says so');
  trace.begin('attestation');
  const refused = attestationFlaw(read, evidence);
  if (refused !== undefined) return refuse('attestation_refused', refused);
  trace.pass('the attestation key has signed that the device’s key is in the same TPM');
  return {
    kind: 'shown',
    endorsementId,
    endorsementKey: endorsementKey.publicKey,
    attestationName: attestationKey.name,
    keyHash: publicKeyHash(deviceKey.publicKey),
  };
}

function readEvidence({ endorsementKey, attestationKey, deviceKey, certification }: ShownEvidence) {
  try {
    return {
      kind: 'read' as const,
      endorsementKey: readEndorsementKey(endorsementKey),
      attestationKey: parseTpmPublic(attestationKey),
      deviceKey: parseTpmPublic(deviceKey),
      certified: parseTpmCertification(certification),
    };
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    return refuse('attestation_malformed', error.message);
  }
}

function readEndorsementKey(shown: ShownEvidence['endorsementKey']): ShownEndorsementKey {
  // Of its public area only the key counts: that it decrypts for a TPM alone is what an operator or its vendor has said.
  if ('publicArea' in shown) return { publicKey: parseTpmPublic(shown.publicArea).publicKey };
  const certificate = parseCertificate(shown.certificate);
  const intermediates = shown.intermediates.map((der) => parseCertificate(der));
  return { publicKey: certificate.publicKey, certified: { certificate, intermediates } };
}

function attestationKeyFlaw(key: TpmPublic, keyRules: KeyRules): string | undefined {
  if (!key.attributes.restricted || !key.attributes.sign || key.attributes.decrypt)
    return 'is no restricted signing key: it could sign what its TPM did not say (TPM 2.0 Part 1 section 23.3)';
  return originFlaw(key, keyRules);
}

function deviceKeyFlaw(key: TpmPublic, keyRules: KeyRules): string | undefined {
  if (key.attributes.restricted || !key.attributes.sign)
    return 'is no signing key without restriction: it could not sign a TLS handshake';
  return originFlaw(key, keyRules);
}

function originFlaw({ attributes, publicKey }: TpmPublic, keyRules: KeyRules): string | undefined {
  const { fixedTpm, fixedParent, sensitiveDataOrigin } = attributes;
  if (!fixedTpm || !fixedParent) return 'may leave its TPM: fixedTPM and fixedParent are not both set';
  if (!sensitiveDataOrigin) return 'was not made by its TPM: sensitiveDataOrigin is not set';
  const verdict = checkRequestedKey(publicKey, keyRules);
  return verdict.kind === 'refused' ? `is not accepted: ${verdict.reason}` : undefined;
}

function attestationFlaw(
  { attestationKey, deviceKey, certified }: Extract<ReturnType<typeof readEvidence>, { kind: 'read' }>,
  { signature }: ShownEvidence,
): string | undefined {
  if (!equalBytes(certified.name, deviceKey.name))
    return 'the attestation is of another key than the device’s';
  try {
    const signed = { message: certified.signed, signature };
    if (verifyTpmSignature(attestationKey.publicKey, signed)) return undefined;
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    return error.message;
  }
  return 'the attestation key did not sign the attestation';
}

export function attestationMissing(): Refusal {
  return refuse(
    'attestation_missing',
    'a join token of profile `tpm-device` takes a proof that the key is in a TPM: ask at `/v1/tpm-challenges`, not over EST (docs/reference/tpm.md)',
  );
}

export function keyNotAttested(thingName: ThingName): Refusal {
  return refuse('key_not_attested', 'the key of the CSR is not the one that the TPM has attested', {
    thingName,
  });
}
