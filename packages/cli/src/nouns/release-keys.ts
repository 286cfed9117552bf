import { PkiError, parsePem } from '@fleetward/pki';
import { readReleasePublicKey, UpdatesError } from '@fleetward/updates';
import { repeatable } from '../define.ts';
import { CliError, usage } from '../errors.ts';
import { readInput } from '../read-input.ts';
import { readSecret } from '../secrets.ts';
import type { Terminal } from '../terminal.ts';

const keyFileBytesMax = 65_536;

/** An encrypted release key, still closed. */
export function readKeyFile(file: string, terminal: Terminal): Promise<Uint8Array> {
  return readInput(file, { terminal, bytesMax: keyFileBytesMax });
}

/** The public half (SubjectPublicKeyInfo, DER) of a release key file, or of the `.pub` beside it. */
export async function readReleaseKey(file: string, terminal: Terminal): Promise<Uint8Array> {
  const bytes = await readKeyFile(file, terminal);
  try {
    if (bytes[0] === 0x7b) return readReleasePublicKey(bytes).publicKey;
    const [block] = parsePem(bytes, { labels: ['PUBLIC KEY'], blocksMax: 1 });
    return block?.der ?? new Uint8Array(0);
  } catch (cause) {
    if (!(cause instanceof PkiError || cause instanceof UpdatesError)) throw cause;
    throw new CliError(
      'cli.unreadable',
      `\`${file}\` is neither a release key nor its public half: ${cause.message}`,
      { cause },
    );
  }
}

/** `--passphrase-file` of commands that open keys. */
export function passphraseFiles() {
  return repeatable(
    '--passphrase-file <file>',
    'file with the passphrase, `-` reads standard input; one for all keys, or one each in their order',
  );
}

/** The passphrase of the key number `index`: never from the command line. */
export function readPassphrase(
  keyFile: string,
  from: { readonly files: readonly string[]; readonly index: number; readonly terminal: Terminal },
): Promise<string> {
  const { files, index, terminal } = from;
  const file = files.length > 1 ? files[index] : files[0];
  if (files.length > 1 && file === undefined) {
    throw usage(`\`--passphrase-file\` is given ${files.length} times and misses one for \`${keyFile}\``);
  }
  return readSecret(passphraseSource(`passphrase of ${keyFile}`, file), terminal);
}

export function passphraseSource(what: string, file: string | undefined) {
  return { what, file, fileFlag: '--passphrase-file', variable: 'FLEETWARD_PASSPHRASE' };
}
