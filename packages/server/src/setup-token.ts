import type { Clock, Random } from '@fleetward/core';
import { startSigningProcess } from '@fleetward/keys';
import { type Certificate, parseCertificate } from '@fleetward/pki';
import type { AuthorityRecord } from './certificates/store.ts';
import type { Config } from './config.ts';
import type { Initialised, InitPorts } from './init.ts';
import { assertInitialised } from './initialised.ts';
import { openTrail } from './open-trail.ts';
import { createSetupToken } from './operators/index.ts';
import { signingKeys } from './signing-keys.ts';
import { signingOptions } from './signing-process.ts';
import type { Storage } from './storage/index.ts';

const validityMs = 86_400_000;

/** A one-time token that is good for a day. */
export function newSetupToken({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
  return createSetupToken({ random, nowMs: clock.now(), validityMs });
}

/**
 * Makes a setup token for a platform that is initialised; those not used before are void. The signing process opens the key
 * folder, so that only who has the master key gets this far. Throws `NotInitialisedError`.
 */
export async function renewSetupToken(
  config: Config,
  parts: InitPorts & { readonly storage: Storage },
): Promise<Initialised> {
  const { storage } = parts;
  await assertInitialised(storage, config);
  const signing = await startSigningProcess({ ...signingOptions(config), ...parts, log: () => undefined });
  try {
    const signer = await signing.signer(signingKeys.trailCheckpoint.name);
    const trail = openTrail(config, { ...parts, signer });
    const { secret, token } = newSetupToken(parts);
    await storage.transactor.transact(async (tx) => {
      const voided = await storage.stores.operators.removeUnusedSetupTokens(tx);
      await storage.stores.operators.addSetupToken(tx, token);
      const payload = { expiresAtMs: token.expiresAtMs, voided };
      await trail.append(tx, { kind: 'setup.token_created', actor: { kind: 'setup' }, payload });
    });
    await trail.close();
    const authorities = await storage.stores.certificates.authorities();
    return {
      folder: config.folder,
      root: newest(authorities, 'root'),
      issuing: newest(authorities, 'issuing'),
      setupToken: secret,
      trailPublicKey: signer.publicKey,
      issuanceLogPublicKey: (await signing.signer(signingKeys.issuanceLog.name)).publicKey,
    };
  } finally {
    await signing.close();
  }
}

function newest(authorities: readonly AuthorityRecord[], kind: AuthorityRecord['kind']): Certificate {
  const [record] = authorities
    .filter((authority) => authority.kind === kind)
    .toSorted((a, b) => b.createdAtMs - a.createdAtMs);
  if (record === undefined) throw new TypeError(`an initialised platform has a CA of kind \`${kind}\``);
  return parseCertificate(record.der);
}
