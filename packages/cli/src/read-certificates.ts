import { CliError } from './errors.ts';
import { readInput } from './read-input.ts';
import type { Terminal } from './terminal.ts';

const pemBytesMax = 262_144;

/** Certificates in PEM that are to be sent. A private key that was named by mistake is not sent anywhere. */
export async function readCertificates(file: string, terminal: Terminal): Promise<string> {
  const text = Buffer.from(await readInput(file, { terminal, bytesMax: pemBytesMax })).toString('latin1');
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return text;
  throw new CliError('cli.unreadable', `\`${file}\` holds a private key: nothing was sent`, {
    hint: 'give the certificate; the key stays where it is',
  });
}
