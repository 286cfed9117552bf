import { canonicalJson, type Signer, toHex, utf8 } from '@fleetward/core';
import { canonicalize } from '@tufjs/canonical-json';
import { UpdatesError } from '../errors.ts';
import { tufKeyFromSpki } from './key.ts';
import type { SignedFile } from './parse.ts';

/** The JSON of a file's signed part. */
export type SignedJson = { readonly [member: string]: unknown };

/** The version of the specification our files claim and our client follows. */
export const specVersion = '1.0.34';

/** A metadata file without signatures. */
export function unsignedBytes(signed: SignedJson): Uint8Array {
  return fileBytes(signed, new Map());
}

/** A metadata file, made and signed in one go. */
export async function signedBytes(signed: SignedJson, signers: readonly Signer[]): Promise<Uint8Array> {
  return fileBytes(signed, await signAll(utf8(canonicalize(signed)), signers));
}

/** The same file with more signatures: those of others stay, one's own is replaced. What is signed is what was read. */
export async function coSignedBytes(
  file: SignedFile<unknown>,
  signers: readonly Signer[],
): Promise<Uint8Array> {
  const made = await signAll(file.canonical, signers);
  return fileBytes(file.json, new Map([...file.signatures, ...made]));
}

/** The form TUF writes times in: whole seconds, UTC (TUF 4.2.1). */
export function tufTime(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(0, 19)}Z`;
}

async function signAll(
  canonical: Uint8Array,
  signers: readonly Signer[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const made = new Map<string, Uint8Array>();
  for (const signer of signers) {
    assertTufSigner(signer);
    made.set(tufKeyFromSpki(signer.publicKey).keyID, await signer.sign(canonical));
  }
  return made;
}

function assertTufSigner({ algorithm }: Signer): void {
  if (algorithm === 'ed25519' || algorithm === 'ecdsa-p256-sha256' || algorithm === 'rsa-pss-sha256') return;
  throw new UpdatesError('updates.key_invalid', `metadata is not signed with \`${algorithm}\``);
}

/** One state has one file. The file is RFC 8785; TUF's own canonical form, which signatures are over, is not valid JSON. */
function fileBytes(signed: SignedJson, signatures: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const entries = [...signatures].map(([keyid, sig]) => ({ keyid, sig: toHex(sig) }));
  return utf8(canonicalJson({ signatures: entries, signed }));
}
