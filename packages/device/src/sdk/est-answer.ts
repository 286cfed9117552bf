import { type Clock, equalBytes } from '@fleetward/core';
import { type Certificate, PkiError, parseBase64Body, parseCertsOnly, validatePath } from '@fleetward/pki';
import { DeviceError } from '../errors.ts';
import type { EstAnswer } from './est-request.ts';

/** The platform's own words. */
export interface EstRefusal {
  readonly kind: 'refused';
  readonly status: number;
  readonly reason: string;
}

const reasonCharactersMax = 512;

export function refusalOf({ status, body }: EstAnswer): EstRefusal {
  return { kind: 'refused', status, reason: body.trim().slice(0, reasonCharactersMax) };
}

export function readCertificates({ body }: EstAnswer): readonly Certificate[] {
  try {
    return parseCertsOnly(parseBase64Body(body, body.length));
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    throw unexpectedAnswer(`no certificates in the answer: ${cause.message}`, cause);
  }
}

/** The chain for our key, leaf first and without the root; anything else is not what was asked for. */
export function acceptChain(
  certificates: readonly Certificate[],
  { roots, publicKey, clock }: { roots: readonly Certificate[]; publicKey: Uint8Array; clock: Clock },
): readonly Uint8Array[] {
  const leaf = certificates.find((certificate) => equalBytes(certificate.publicKey.spki, publicKey));
  if (leaf === undefined) throw unexpectedAnswer('the answer holds no certificate for our key');
  const path = {
    leaf,
    untrusted: certificates,
    roots,
    atMs: clock.now(),
    purpose: 'clientAuth',
  } as const;
  const outcome = validatePath(path);
  if (outcome.kind === 'accepted') return outcome.chain.slice(0, -1).map(({ der }) => der);
  const why = outcome.kind === 'grace' ? 'expired' : outcome.reason;
  throw unexpectedAnswer(`the certificate does not hold: ${why}`);
}

export function unexpectedAnswer(message: string, cause?: unknown): DeviceError {
  return new DeviceError('device.answer_invalid', message, { cause });
}
