import { constants, createCipheriv, createECDH, createHash, createHmac, publicEncrypt } from 'node:crypto';
import { concatBytes, type Random, utf8 } from '@fleetward/core';
import { PkiError } from '../errors.ts';
import { keyObjectOf, type PublicKey } from '../public-key.ts';

/** What only the TPM of an endorsement key opens, and only while it holds the key of the name (TPM2_ActivateCredential). */
export interface TpmCredential {
  /** TPM2B_ID_OBJECT. */
  readonly credentialBlob: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET. */
  readonly encryptedSecret: Uint8Array;
}

/** Of SHA-256, by which the default endorsement keys are named. */
const seedBytes = 32;

/** Whether a credential can be made for it: an RSA-2048 or P-256 key, as the default templates L-1 and L-2 make (TCG EK Credential Profile). */
export function isEndorsementKey(key: PublicKey): boolean {
  return (key.kind === 'rsa' && key.sizeBits === 2048) || (key.kind === 'ec' && key.curve === 'P-256');
}

/**
 * TPM2_MakeCredential in software (TPM 2.0 Part 3 §12.6, Part 1 §24), for an endorsement key with SHA-256 and AES-128-CFB. `secret` has
 * at most 32 bytes; `name` is of the key that has to be in the same TPM.
 */
export function makeTpmCredential({
  endorsementKey,
  ...content
}: {
  readonly endorsementKey: PublicKey;
  readonly name: Uint8Array;
  readonly secret: Uint8Array;
  readonly random: Random;
}): TpmCredential {
  if (!isEndorsementKey(endorsementKey))
    throw new PkiError('pki.tpm', 'an endorsement key is RSA of 2048 bits or on P-256');
  const { seed, encryptedSecret } =
    endorsementKey.kind === 'rsa' ? rsaSeed(endorsementKey, content.random) : eccSeed(endorsementKey);
  return { credentialBlob: sealTpmCredential({ ...content, seed }), encryptedSecret: sized(encryptedSecret) };
}

/** The TPM2B_ID_OBJECT for a seed (TPM 2.0 Part 1 §24.4, §24.5). */
export function sealTpmCredential({
  seed,
  name,
  secret,
}: {
  readonly seed: Uint8Array;
  readonly name: Uint8Array;
  readonly secret: Uint8Array;
}): Uint8Array {
  const key = kdfa(seed, { label: 'STORAGE', context: name, bits: 128 });
  const cipher = createCipheriv('aes-128-cfb', key, Buffer.alloc(16));
  const identity = concatBytes([cipher.update(sized(secret)), cipher.final()]);
  const integrityKey = kdfa(seed, { label: 'INTEGRITY', context: Buffer.alloc(0), bits: 256 });
  const integrity = createHmac('sha256', integrityKey).update(identity).update(name).digest();
  return sized(concatBytes([sized(integrity), identity]));
}

/** TPM 2.0 Part 1 annex B.4: OAEP with the zero octet after the label. */
function rsaSeed(key: PublicKey, random: Random) {
  const seed = random.bytes(seedBytes);
  const encryptedSecret = publicEncrypt(
    {
      key: keyObjectOf(key),
      padding: constants.RSA_PKCS1_OAEP_PADDING,
      oaepHash: 'sha256',
      oaepLabel: labelOf('IDENTITY'),
    },
    seed,
  );
  return { seed, encryptedSecret };
}

/** TPM 2.0 Part 1 annex C.6.3: one pass of Diffie-Hellman with a key for this once. */
function eccSeed(key: PublicKey) {
  const once = createECDH('prime256v1');
  const own = once.generateKeys();
  const shared = once.computeSecret(key.bits);
  const seed = kdfe(shared, {
    label: 'IDENTITY',
    partyU: own.subarray(1, 33),
    partyV: key.bits.subarray(1, 33),
  });
  return { seed, encryptedSecret: concatBytes([sized(own.subarray(1, 33)), sized(own.subarray(33))]) };
}

/** TPM 2.0 Part 1 §11.4.10.2, of SHA-256: at most its 256 bits. */
function kdfa(
  key: Uint8Array,
  {
    label,
    context,
    bits,
  }: { readonly label: string; readonly context: Uint8Array; readonly bits: 128 | 256 },
): Uint8Array {
  const hmac = createHmac('sha256', key).update(uint32(1)).update(labelOf(label)).update(context);
  return hmac
    .update(uint32(bits))
    .digest()
    .subarray(0, bits / 8);
}

/** TPM 2.0 Part 1 §11.4.10.3, of SHA-256: its 256 bits. */
function kdfe(
  shared: Uint8Array,
  {
    label,
    partyU,
    partyV,
  }: { readonly label: string; readonly partyU: Uint8Array; readonly partyV: Uint8Array },
): Uint8Array {
  const hash = createHash('sha256').update(uint32(1)).update(shared).update(labelOf(label));
  return hash.update(partyU).update(partyV).digest();
}

function labelOf(label: string): Uint8Array {
  return concatBytes([utf8(label), Uint8Array.of(0)]);
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function sized(bytes: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}
