import { createHash } from 'node:crypto';
import { type Clock, parseThingName, toBase64 } from '@fleetward/core';
import { type Certificate, encodePem, parseCertificatesPem } from '@fleetward/pki';
import { DeviceError } from '../errors.ts';
import { buildCsr } from './csr.ts';
import { acceptChain, type EstRefusal, readCertificates, refusalOf, unexpectedAnswer } from './est-answer.ts';
import { type EstAnswer, requestEst } from './est-request.ts';
import { type DeviceIdentity, openIdentityFolder, publicKeyOf } from './identity.ts';

export interface EnrollOptions {
  /** `https://HOST:PORT` of the platform's device listener. */
  readonly url: string;
  /** Whom to believe: the platform's root as PEM, or the hex SHA-256 of its DER. */
  readonly trust: string;
  readonly joinToken: string;
  /** The thing's name, which becomes the common name of the request. */
  readonly name: string;
  /** Where the identity is kept. */
  readonly folder: string;
  readonly clock: Clock;
  /** Default 30,000. */
  readonly timeoutMs?: number;
}

export type EnrollOutcome = { readonly kind: 'enrolled'; readonly identity: DeviceIdentity } | EstRefusal;

/**
 * Enrols the device over EST (RFC 7030 §4.2.1): its key stays here, its certificate is checked before it is kept. Safe to
 * repeat: the same key is used, and an identity that is there already is answered as it is.
 */
export async function enroll(options: EnrollOptions): Promise<EnrollOutcome> {
  const { joinToken, folder: path } = options;
  const name = parseThingName(options.name);
  const folder = openIdentityFolder(path);
  const known = folder.read();
  if (known !== undefined) return { kind: 'enrolled', identity: known };
  const root = await trustedRoot(options);
  const key = folder.openKey();
  const answer = await ask(options, {
    operation: 'simpleenroll',
    root: encodePem('CERTIFICATE', root.der),
    body: toBase64(buildCsr(key, name)),
    authorization: `Basic ${Buffer.from(`${name}:${joinToken}`).toString('base64')}`,
  });
  if (answer.status !== 200) return refusalOf(answer);
  const chain = acceptChain(readCertificates(answer), {
    ...options,
    roots: [root],
    publicKey: publicKeyOf(key),
  });
  return { kind: 'enrolled', identity: folder.write({ chain, roots: [root.der] }) };
}

/** The root: given, or among what the server says about itself (RFC 7030 §4.1.1) when it has the known fingerprint. */
async function trustedRoot(options: EnrollOptions): Promise<Certificate> {
  const { trust, url } = options;
  if (trust.includes('-----BEGIN')) return parseCertificatesPem(trust)[0]!; // the parser finds one or throws
  const fingerprint = trust.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(fingerprint))
    throw new DeviceError(
      'device.trust_invalid',
      '`trust` is neither a PEM certificate nor a SHA-256 in hex',
    );
  const answer = await ask(options, { operation: 'cacerts', root: undefined });
  if (answer.status !== 200)
    throw unexpectedAnswer(`\`${url}\` answered ${answer.status} for its CA certificates`);
  const root = readCertificates(answer).find(({ der }) => sha256(der) === fingerprint);
  if (root !== undefined) return root;
  throw new DeviceError(
    'device.trust_invalid',
    `no CA certificate of \`${url}\` has the SHA-256 ${fingerprint}`,
  );
}

function ask(
  { url, timeoutMs = 30_000 }: EnrollOptions,
  request: Pick<Parameters<typeof requestEst>[0], 'operation' | 'root' | 'body' | 'authorization'>,
): Promise<EstAnswer> {
  return requestEst({ url, timeoutMs, ...request });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
