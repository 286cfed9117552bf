import { createHash } from 'node:crypto';
import { type Clock, equalBytes, parseThingName, toBase64 } from '@fleetward/core';
import {
  type Certificate,
  encodePem,
  PkiError,
  parseBase64Body,
  parseCertificatesPem,
  parseCertsOnly,
  validatePath,
} from '@fleetward/pki';
import { DeviceError } from '../errors.ts';
import { buildCsr } from './csr.ts';
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

export type EnrollOutcome =
  | { readonly kind: 'enrolled'; readonly identity: DeviceIdentity }
  /** The platform's own words. */
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string };

const reasonCharactersMax = 512;

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
  if (answer.status !== 200)
    return {
      kind: 'refused',
      status: answer.status,
      reason: answer.body.trim().slice(0, reasonCharactersMax),
    };
  const chain = acceptChain(readCertificates(answer), { ...options, root, publicKey: publicKeyOf(key) });
  return { kind: 'enrolled', identity: folder.write({ chain, root: root.der }) };
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
  if (answer.status !== 200) throw unexpected(`\`${url}\` answered ${answer.status} for its CA certificates`);
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

function readCertificates({ body }: EstAnswer): readonly Certificate[] {
  try {
    return parseCertsOnly(parseBase64Body(body, body.length));
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    throw unexpected(`no certificates in the answer: ${cause.message}`, cause);
  }
}

/** The chain for our key, leaf first and without the root; anything else is not what was asked for. */
function acceptChain(
  certificates: readonly Certificate[],
  { root, publicKey, clock }: { root: Certificate; publicKey: Uint8Array; clock: Clock },
): readonly Uint8Array[] {
  const leaf = certificates.find((certificate) => equalBytes(certificate.publicKey.spki, publicKey));
  if (leaf === undefined) throw unexpected('the answer holds no certificate for our key');
  const path = {
    leaf,
    untrusted: certificates,
    roots: [root],
    atMs: clock.now(),
    purpose: 'clientAuth',
  } as const;
  const outcome = validatePath(path);
  if (outcome.kind === 'accepted') return outcome.chain.slice(0, -1).map(({ der }) => der);
  throw unexpected(`the certificate does not hold: ${outcome.kind === 'grace' ? 'expired' : outcome.reason}`);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function unexpected(message: string, cause?: unknown): DeviceError {
  return new DeviceError('device.answer_invalid', message, { cause });
}
