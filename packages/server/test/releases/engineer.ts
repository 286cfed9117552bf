import { createHash, generateKeyPairSync } from 'node:crypto';
import { type JsonObject, parseSha256, type Sha256, type Signer } from '@fleetward/core';
import { localSigner } from '@fleetward/keys';
import type { FakeClock } from '@fleetward/testkit';
import { addTarget, draftRoot, draftTargets, signRoot, signTargets } from '@fleetward/updates';

const dayMs = 86_400_000;

export function newSigner(): Signer {
  return localSigner(generateKeyPairSync('ed25519').privateKey, 'ed25519');
}

export function sha256Of(bytes: Uint8Array): Sha256 {
  return parseSha256(createHash('sha256').update(bytes).digest('hex'));
}

/** A release engineer with offline keys: two of two for the root, one for the targets. */
export interface Engineer {
  readonly rootSigners: readonly Signer[];
  readonly targetsSigner: Signer;
  root(version: number, previous?: Uint8Array): Promise<Uint8Array>;
  /** Targets of this version that list the files, signed unless another signer is given; a file with a custom field is a release. */
  targets(
    version: number,
    files: Readonly<Record<string, Uint8Array>>,
    customs?: Readonly<Record<string, JsonObject>>,
  ): Promise<Uint8Array>;
}

export function newEngineer(
  online: { readonly snapshot: Signer; readonly timestamp: Signer },
  clock: FakeClock,
): Engineer {
  const rootSigners = [newSigner(), newSigner()];
  const targetsSigner = newSigner();
  const role = (signers: readonly Signer[], threshold = signers.length) => ({
    publicKeys: signers.map(({ publicKey }) => publicKey),
    threshold,
  });
  const expiresMs = clock.now() + 365 * dayMs;
  const draft = (version: number) =>
    draftRoot({
      version,
      expiresMs,
      roles: {
        root: role(rootSigners),
        targets: role([targetsSigner]),
        snapshot: role([online.snapshot]),
        timestamp: role([online.timestamp]),
      },
    });
  return {
    rootSigners,
    targetsSigner,
    root: async (version, previous) => {
      const options = previous === undefined ? { signers: rootSigners } : { signers: rootSigners, previous };
      return (await signRoot(draft(version), options)).bytes;
    },
    targets: async (version, files, customs = {}) => {
      const count = Object.keys(files).length;
      let bytes = draftTargets({ version: version - count, expiresMs });
      for (const [path, content] of Object.entries(files)) {
        const target = {
          path,
          length: content.length,
          sha256: sha256Of(content),
          custom: customs[path] ?? {},
        };
        bytes = addTarget(bytes, { target, expiresMs });
      }
      return (await signTargets(bytes, { signers: [targetsSigner], root: draft(1) })).bytes;
    },
  };
}
