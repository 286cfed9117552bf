import { AppError, parseStrictJson, utf8 } from '@fleetward/core';
import { type MessageLint, runSigningProcess } from '@fleetward/keys';
import {
  leafProfileNames,
  lintTbsCertificate,
  lintTbsCrl,
  lintTbsCsr,
  lintTbsOcsp,
  PkiError,
  type ProfileName,
  type TbsKind,
  tbsKindOf,
} from '@fleetward/pki';
import { Type } from 'typebox';
import { Check } from 'typebox/value';

// What each key may sign, looked at once more beside the key (docs/adr/0003): whoever takes over the gateway can ask for no
// more than this.

const instructionShape = Type.Object(
  {
    _type: Type.Literal('targets'),
    spec_version: Type.String(),
    version: Type.Integer(),
    expires: Type.String(),
    targets: Type.Record(Type.String(), Type.Unknown()),
    'x-fleetward': Type.Object({ thingName: Type.String() }, { additionalProperties: false }),
  },
  { additionalProperties: false },
);

class LintError extends AppError<'signing.refused'> {}

const issuingLints: Readonly<Record<TbsKind, MessageLint>> = {
  certificate: (message) => lintAnyProfile(message, leafProfileNames),
  crl: lintTbsCrl,
  csr: lintTbsCsr,
  ocsp: lintTbsOcsp,
};

await runSigningProcess({
  lints: {
    'root-ca': (message) => lintAnyProfile(message, ['root-ca', 'cross-ca', 'issuing-ca']),
    'issuing-ca': lintIssuing,
    'tuf-snapshot': (message) => lintMetadata(message, 'snapshot'),
    'tuf-timestamp': (message) => lintMetadata(message, 'timestamp'),
    director: lintInstruction,
    'trail-checkpoint': lintCheckpoint,
    'issuance-log': lintTreeHead,
    'provisioning-hook': lintHookRequest,
  },
});

/** An issuing CA signs CRLs, OCSP answers, the request for its own certificate, and certificates that are no CA's: each exactly as one profile has it. */
function lintIssuing(message: Uint8Array): void {
  const kind = tbsKindOf(message);
  if (kind === undefined)
    throw new LintError(
      'signing.refused',
      'this key signs certificates, CRLs, OCSP answers and its own CSR only',
    );
  issuingLints[kind](message);
}

function lintAnyProfile(message: Uint8Array, profiles: readonly ProfileName[]): void {
  const reasons: string[] = [];
  for (const profile of profiles) {
    try {
      lintTbsCertificate(message, profile);
      return;
    } catch (error) {
      if (!(error instanceof PkiError)) throw error;
      reasons.push(`${profile}: ${error.message}`);
    }
  }
  throw new LintError('signing.refused', `fits no profile of this key (${reasons.join('; ')})`);
}

/** TUF metadata of exactly this role: a snapshot key never signs targets. */
function lintMetadata(message: Uint8Array, role: string): void {
  const metadata = parseStrictJson(message, { bytesMax: 4 * 1024 * 1024, depthMax: 16 });
  const type =
    typeof metadata === 'object' && metadata !== null && '_type' in metadata ? metadata._type : undefined;
  if (type !== role)
    throw new LintError('signing.refused', `this key signs TUF metadata of type \`${role}\` only`);
}

/** Targets metadata for one named thing, of one target at most, that hands nothing on to other keys. */
function lintInstruction(message: Uint8Array): void {
  const metadata = parseStrictJson(message, { bytesMax: 16 * 1024, depthMax: 8 });
  if (Check(instructionShape, metadata) && Object.keys(metadata.targets).length <= 1) return;
  throw new LintError('signing.refused', 'this key signs instructions to one thing to have one target only');
}

function lintCheckpoint(message: Uint8Array): void {
  const prefix = utf8('fleetward-trail-checkpoint\n');
  const isCheckpoint =
    message.length < 1024 && Buffer.from(message.subarray(0, prefix.length)).equals(prefix);
  if (!isCheckpoint) throw new LintError('signing.refused', 'this key signs checkpoints of the trail only');
}

/** TreeHeadDataV2 (RFC 9162 §4.9): time and size of eight bytes each, a hash of 32, no extensions. */
function lintTreeHead(message: Uint8Array): void {
  const isTreeHead = message.length === 51 && message[16] === 32 && message[49] === 0 && message[50] === 0;
  if (!isTreeHead)
    throw new LintError('signing.refused', 'this key signs tree heads of the issuance log only');
}

/** The signature base of a request to a hook (RFC 9421 §2.5). */
function lintHookRequest(message: Uint8Array): void {
  const isRequest =
    message.length < 4096 &&
    Buffer.from(message).toString('latin1').startsWith('"@method": POST\n"@target-uri": https://');
  if (!isRequest)
    throw new LintError('signing.refused', 'this key signs requests to provisioning hooks only');
}
