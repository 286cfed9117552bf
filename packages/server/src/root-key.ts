import type { Random, Signer } from '@fleetward/core';
import { type Environment, startSigningProcess } from '@fleetward/keys';
import type { Config } from './config.ts';
import { signingKeys } from './signing-keys.ts';
import { signingOptions } from './signing-process.ts';

/**
 * Gives `work` the root CA's key of a platform's folder, in a signing process of its own that ends with it: the one of a running
 * platform must not sign with it. The platform may run meanwhile.
 */
export async function withRootKey<Result>(
  config: Config,
  ports: { readonly random: Random; readonly environment: Environment },
  work: (root: Signer) => Promise<Result>,
): Promise<Result> {
  const { name, purpose } = signingKeys.rootCa;
  const signing = await startSigningProcess({
    ...signingOptions(config),
    ...ports,
    signOnly: [purpose],
    log: () => undefined,
  });
  try {
    return await work(await signing.signer(name));
  } finally {
    await signing.close();
  }
}
