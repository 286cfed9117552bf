import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type Csr, type PublicKey, parsePublicKey } from '@fleetward/pki';
import type { EnrollmentOutcome } from './outcome.ts';
import { type Refusal, refuse } from './refusal.ts';
import type { Trace } from './trace.ts';

/** RFC 4108 §2.2.5 and RFC 7030 §4.4.1.2: the device wants the key encrypted to one it names. */
const encryptionWishes: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.9.16.2.37',
  '1.2.840.113549.1.9.16.2.54',
]);

/** A key made for a device that cannot make one; `pkcs8` leaves in one answer and is kept nowhere. */
export interface MadeKey {
  readonly kind: 'made';
  readonly publicKey: PublicKey;
  readonly pkcs8: Uint8Array;
}

/** RFC 7030 §4.4: of the kind of the key in the CSR, which is used for nothing but its signature. */
export function makeKeyFor(csr: Pick<Csr, 'publicKey' | 'attributeTypes'>, trace: Trace): MadeKey | Refusal {
  trace.begin('key-making');
  if (csr.attributeTypes.some((type) => encryptionWishes.has(type))) return noEncryption();
  const made = generateLike(csr.publicKey);
  if (made === undefined)
    return refuse('key_refused', 'keys are made on P-256, P-384 or Ed25519 only: send a CSR with such a key');
  trace.pass('a key was made for the device; it is in the answer and nowhere else');
  return { kind: 'made', publicKey: parsePublicKey(made.publicKey), pkcs8: made.privateKey };
}

/** The certificate with the key that was made for it; `made` is undefined where the device brought its own. */
export function withKey(outcome: EnrollmentOutcome, made: MadeKey | undefined): EnrollmentOutcome {
  return made === undefined || outcome.kind === 'refused' ? outcome : { ...outcome, privateKey: made.pkcs8 };
}

export function keygenOff(): Refusal {
  return refuse(
    'keygen_off',
    'keys are not made here (setting `enrollment.serverKeygen`): the device makes its own, and asks for `simpleenroll`, or `simplereenroll` where it has a certificate',
  );
}

/** Tens of microseconds each; RSA keys, which take thousands of times as long, are not made. */
function generateLike(key: PublicKey) {
  if (key.kind === 'ec') return exported(generateKeyPairSync('ec', { namedCurve: key.curve }));
  return key.kind === 'ed25519' ? exported(generateKeyPairSync('ed25519')) : undefined;
}

function exported(pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }) {
  const publicKey = pair.publicKey.export({ type: 'spki', format: 'der' });
  return { publicKey, privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'der' }) };
}

function noEncryption(): Refusal {
  return refuse(
    'csr_asks_too_much',
    'the CSR asks for a key encrypted to another one (RFC 7030 section 4.4.1.1); keys are returned under TLS alone',
  );
}
