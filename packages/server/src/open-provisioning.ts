import { readFileSync } from 'node:fs';
import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';
import type { DomainParts } from './domains.ts';
import { Provisioning } from './provisioning/index.ts';
import { signingKeys } from './signing-keys.ts';

type Lower = Omit<
  Parameters<typeof Provisioning.open>[0],
  'store' | 'signer' | 'caPem' | 'templateArn' | 'settings'
>;

/** Fleet provisioning over the domains below it; a platform from before it gets its key for hooks now. */
export async function openProvisioning(
  { config, storage, signing }: DomainParts,
  lower: Lower,
): Promise<Provisioning> {
  const key = signingKeys.provisioningHook;
  const { region, accountId } = config;
  return Provisioning.open({
    ...lower,
    store: storage.stores.provisioning,
    signer: (await signing.findSigner(key.name)) ?? (await signing.generate(key)),
    caPem: readCa(config),
    templateArn: (name) => `arn:aws:iot:${region}:${accountId}:provisioningtemplate/${name}`,
    settings: config.provisioning,
  });
}

function readCa({ provisioning: { hookCaFile } }: Config): string | undefined {
  if (hookCaFile === '') return undefined;
  try {
    return readFileSync(hookCaFile, 'utf8');
  } catch (cause) {
    const message = `\`provisioning.hookCaFile\`: \`${hookCaFile}\` cannot be read`;
    throw new ConfigError('config.invalid', message, { cause });
  }
}
