import type { Signer } from '@fleetward/core';
import type { Root, Targets } from '@tufjs/models';
import { rootRole } from '../client/root.ts';
import { UpdatesError } from '../errors.ts';
import { defaultLimits } from '../limits.ts';
import { delegatedKeys } from '../metadata/delegation.ts';
import { tufKeyFromSpki } from '../metadata/key.ts';
import { parseRoot, parseTargets, type SignedFile } from '../metadata/parse.ts';
import { coSignedBytes } from '../metadata/sign.ts';
import { countSignatures, type SignatureCount } from '../metadata/threshold.ts';

export interface SignedDraft extends SignatureCount {
  readonly bytes: Uint8Array;
  /** Ids of the keys that it has signatures of, whether they count or not. */
  readonly signers: readonly string[];
}

/**
 * Signs a root, and counts what it has against its own root role. A successor also needs a threshold of its
 * predecessor's keys (TUF 5.3.4): pass `previous` and those keys may sign as well, and must have.
 */
export async function signRoot(
  bytes: Uint8Array,
  { signers, previous }: { readonly signers: readonly Signer[]; readonly previous?: Uint8Array },
): Promise<SignedDraft> {
  const draft = parseRoot(bytes, defaultLimits.rootBytesMax);
  const before = previous && parseRoot(previous, defaultLimits.rootBytesMax).signed;
  const roles = [draft.signed, ...(before ? [before] : [])].map((root) => roleOf(root, 'root'));
  assertSigners(
    signers,
    roles.flatMap(({ keyIDs }) => keyIDs),
  );
  const signed = await coSignedBytes(draft, signers);
  const file = parseRoot(signed, defaultLimits.rootBytesMax);
  const counts = roles.map((role) => countSignatures(file, role));
  // The root that is furthest from done speaks for both.
  const worst = counts.reduce((a, b) => (b.valid - b.threshold < a.valid - a.threshold ? b : a));
  return { bytes: signed, signers: signersOf(file), ...worst };
}

/** Signs a top-level targets file, and counts what it has against a root's targets role. */
export async function signTargets(
  bytes: Uint8Array,
  { signers, root }: { readonly signers: readonly Signer[]; readonly root: Uint8Array },
): Promise<SignedDraft> {
  const role = roleOf(parseRoot(root, defaultLimits.rootBytesMax).signed, 'targets');
  assertSigners(signers, role.keyIDs);
  const signed = await coSignedBytes(parseTargets(bytes, defaultLimits.targetsBytesMax), signers);
  const file = parseTargets(signed, defaultLimits.targetsBytesMax);
  return { bytes: signed, signers: signersOf(file), ...countSignatures(file, role) };
}

/** Signs a delegated list, and counts what it has against the list that delegates to it. */
export async function signDelegated(
  bytes: Uint8Array,
  {
    signers,
    targets,
    name,
  }: { readonly signers: readonly Signer[]; readonly targets: Targets; readonly name: string },
): Promise<SignedDraft> {
  const role = delegatedKeys(targets, name);
  if (role === undefined)
    throw new UpdatesError('updates.repository_invalid', `the targets delegate to no role \`${name}\``);
  assertSigners(signers, role.keyIDs);
  const signed = await coSignedBytes(parseTargets(bytes, defaultLimits.targetsBytesMax), signers);
  const file = parseTargets(signed, defaultLimits.targetsBytesMax);
  return { bytes: signed, signers: signersOf(file), ...countSignatures(file, role) };
}

function signersOf({ signatures }: SignedFile<unknown>): readonly string[] {
  return [...signatures.keys()].sort();
}

function roleOf(root: Root, name: 'root' | 'targets') {
  const role = rootRole(root, name);
  if (role !== undefined) return role;
  throw new UpdatesError('updates.repository_invalid', `the root has no role \`${name}\``);
}

/** A signature nobody counts is a mistake worth hearing about before the file travels. */
function assertSigners(signers: readonly Signer[], keyIds: readonly string[]): void {
  for (const { publicKey } of signers) {
    const { keyID } = tufKeyFromSpki(publicKey);
    if (keyIds.includes(keyID)) continue;
    throw new UpdatesError('updates.key_invalid', `the key \`${keyID}\` does not sign this role`);
  }
}
