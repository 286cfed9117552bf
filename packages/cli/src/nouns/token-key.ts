import { generatePersonalKey, type PersonalToken, signWithPersonalKey } from '@fleetward/keys';
import {
  externalSigner,
  parseTokenKey,
  type ReleaseKeyAlgorithm,
  type ReleaseSigner,
  writeTokenKey,
} from '@fleetward/updates';
import { Option } from 'commander';
import { usage } from '../errors.ts';
import { isTyped, readSecret } from '../secrets.ts';
import type { Terminal } from '../terminal.ts';

interface PinFlags {
  readonly pinFile?: string;
}

/** `--pin-file` of commands that use a token. */
export function pinFile(): Option {
  return new Option('--pin-file <file>', 'file with the PIN of the token, `-` reads standard input');
}

/** Makes a key inside the token of this label; the file that names it holds no secret. */
export async function makeTokenKey(
  spec: { readonly name: string; readonly tokenLabel: string; readonly algorithm: ReleaseKeyAlgorithm },
  flags: PinFlags,
  terminal: Terminal,
): Promise<{ readonly file: Uint8Array; readonly publicKey: Uint8Array }> {
  const { name, tokenLabel, algorithm } = spec;
  const token = await openToken(tokenLabel, flags, terminal);
  const { keyId: objectId, publicKey } = generatePersonalKey(token, { name: `release ${name}`, algorithm });
  return { file: writeTokenKey({ publicKey, tokenLabel, objectId }), publicKey };
}

/** A signer whose key is in a token. What the token answers counts only if it verifies. */
export async function openTokenKey(
  file: Uint8Array,
  { name, flags, terminal }: { readonly name: string; readonly flags: PinFlags; readonly terminal: Terminal },
): Promise<ReleaseSigner> {
  const { publicKey, tokenLabel, objectId: keyId } = parseTokenKey(file);
  const token = await openToken(tokenLabel, flags, terminal);
  const signer = externalSigner(publicKey, async (message) =>
    signWithPersonalKey(token, { name, keyId, algorithm: signer.algorithm }, message),
  );
  return signer;
}

/** The code that speaks with a token is named by the machine, and by no file that somebody could hand over as a key. */
async function openToken(
  tokenLabel: string,
  { pinFile: file }: PinFlags,
  terminal: Terminal,
): Promise<PersonalToken> {
  const { FLEETWARD_PKCS11_MODULE: modulePath, FLEETWARD_PKCS11JS: packagePath } = terminal.environment;
  if (!modulePath)
    throw usage(
      `a key in the token \`${tokenLabel}\` needs the variable \`FLEETWARD_PKCS11_MODULE\`: the library of the token’s vendor`,
      'such as `/usr/lib/softhsm/libsofthsm2.so`; docs/how-to/keys-in-an-hsm.md',
    );
  const source = {
    what: `PIN of the token ${tokenLabel}`,
    file,
    fileFlag: '--pin-file',
    variable: 'FLEETWARD_PIN',
  };
  return {
    modulePath,
    ...(packagePath && { packagePath }),
    tokenLabel,
    pin: await readSecret(source, terminal),
    isTyped: isTyped(source, terminal),
  };
}
