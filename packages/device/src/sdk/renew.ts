import { createHash } from 'node:crypto';
import { type Clock, toBase64 } from '@fleetward/core';
import { parseCertificatesPem } from '@fleetward/pki';
import { DeviceError } from '../errors.ts';
import { buildCsr } from './csr.ts';
import { acceptChain, type EstRefusal, readCertificates, refusalOf } from './est-answer.ts';
import { requestEst } from './est-request.ts';
import { type DeviceIdentity, openIdentityFolder, publicKeyOf } from './identity.ts';
import { fetchRoots, rootsPem } from './trusted-roots.ts';

export interface RenewOptions {
  /** `https://HOST:PORT` of the platform's device listener. */
  readonly url: string;
  /** Where `enroll` put the identity. */
  readonly folder: string;
  readonly clock: Clock;
  /** Default `new`. `same` is for a key that cannot be made anew. */
  readonly key?: 'new' | 'same';
  /** Default 30,000. */
  readonly timeoutMs?: number;
}

export type RenewOutcome = { readonly kind: 'renewed'; readonly identity: DeviceIdentity } | EstRefusal;

/**
 * Gets the next certificate with the one there is, also within the grace after its end (RFC 7030 §4.2.2), and puts it and
 * its key in their place in one step. Safe to repeat: until then the same new key is asked for. Before that it asks which roots there are now.
 */
export async function renew(options: RenewOptions): Promise<RenewOutcome> {
  const { url, clock, timeoutMs = 30_000 } = options;
  const folder = openIdentityFolder(options.folder);
  const current = folder.read();
  if (current === undefined)
    throw new DeviceError('device.not_enrolled', `\`${options.folder}\` holds no certificate: enrol first`);
  const roots = await fetchRoots(current, { url, timeoutMs, atMs: clock.now() });
  const root = rootsPem(roots);
  if (root !== current.root) folder.writeRoots(roots.map(({ der }) => der));
  const key = options.key === 'same' ? folder.openKey() : folder.openNextKey();
  const answer = await requestEst({
    url,
    operation: 'simplereenroll',
    root,
    client: { cert: current.chain, key: current.key },
    body: toBase64(buildCsr(key, current.name)),
    timeoutMs,
  });
  if (answer.status !== 200) {
    // Perhaps for the key itself: the next try brings another.
    if (answer.status === 400) folder.discardNextKey();
    return refusalOf(answer);
  }
  const chain = acceptChain(readCertificates(answer), { roots, publicKey: publicKeyOf(key), clock });
  return { kind: 'renewed', identity: folder.write({ chain, roots: roots.map(({ der }) => der) }) };
}

/**
 * When a certificate should be renewed: after two thirds of its life, give or take a twenty-fourth. The share is the
 * certificate's own hash, so that a fleet enrolled in one hour does not renew in one, and a restart changes nothing.
 */
export function renewalTimeMs({ chain }: Pick<DeviceIdentity, 'chain'>): number {
  const { der, notBeforeMs, notAfterMs } = parseCertificatesPem(chain)[0]!;
  const share = createHash('sha256').update(der).digest().readUInt32BE() / 2 ** 32;
  return notBeforeMs + Math.round((notAfterMs - notBeforeMs) * (2 / 3 + (share - 0.5) / 12));
}
