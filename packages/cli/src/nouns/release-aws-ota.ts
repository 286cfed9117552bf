import { createPublicKey, createVerify, type KeyObject } from 'node:crypto';
import { fromBase64 } from '@fleetward/core';
import type { AwsOtaSigning, NewTarget } from '@fleetward/updates';
import { CliError, usage } from '../errors.ts';
import { readInput, streamInput } from '../read-input.ts';
import type { Terminal } from '../terminal.ts';
import { artifactPath } from './release-artifacts.ts';

/** What `release add` is told for devices with AWS IoT's OTA libraries. */
export interface AwsOtaFlags {
  readonly awsOtaSignature?: string;
  readonly awsOtaKey?: string;
  readonly awsOtaCertfile?: string;
}

const fileBytesMax = 16_384;

/** The firmware engineer's signature over the kept image, checked: a device would find out too late. */
export async function readAwsOta(
  { awsOtaSignature, awsOtaKey, awsOtaCertfile: certFile }: AwsOtaFlags,
  from: { readonly release: NewTarget; readonly folder: string; readonly terminal: Terminal },
): Promise<AwsOtaSigning | undefined> {
  if (awsOtaSignature === undefined && awsOtaKey === undefined && certFile === undefined) return undefined;
  if (awsOtaSignature === undefined || awsOtaKey === undefined || certFile === undefined)
    throw usage('`--aws-ota-signature`, `--aws-ota-key` and `--aws-ota-certfile` go together');
  const { release, folder, terminal } = from;
  const signature = signatureIn(await readInput(awsOtaSignature, { terminal, bytesMax: fileBytesMax }));
  const key = await readKey(awsOtaKey, terminal);
  const verify = createVerify('SHA256');
  for await (const piece of streamInput(artifactPath(folder, release.sha256), terminal)) verify.update(piece);
  if (verify.verify(key, signature)) return { signature, certFile };
  const message = `\`${awsOtaSignature}\` is no signature over these bytes by the key in \`${awsOtaKey}\``;
  throw new CliError('cli.unreadable', message);
}

/** As `openssl dgst -sign` writes it, or that in base64. */
function signatureIn(bytes: Uint8Array): Uint8Array {
  if (bytes[0] === 0x30) return bytes;
  const text = Buffer.from(bytes).toString('latin1').replaceAll(/\s/g, '');
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === 0 ? fromBase64(text) : bytes;
}

/** A public key or a certificate, in PEM. */
async function readKey(file: string, terminal: Terminal): Promise<KeyObject> {
  const pem = await readInput(file, { terminal, bytesMax: fileBytesMax });
  const text = Buffer.from(pem).toString('latin1');
  const key = /PRIVATE KEY/.test(text) ? undefined : keyIn(text);
  if (key?.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  const expected = 'an ECDSA P-256 public key, or a certificate for one, in PEM';
  throw new CliError('cli.unreadable', `\`${file}\` is not ${expected}`);
}

function keyIn(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}
