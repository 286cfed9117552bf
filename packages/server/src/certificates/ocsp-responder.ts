import type { Clock, Signer } from '@fleetward/core';
import {
  type CertId,
  type Certificate,
  type CertStatus,
  certIdOf,
  isIssuedBy,
  issueOcspAnswer,
  type OcspRequest,
  ocspError,
  PkiError,
  parseOcspRequest,
} from '@fleetward/pki';
import { TokenBuckets } from '../token-buckets.ts';
import type { Authorities, Authority } from './authorities.ts';
import type { CertificateRegistry } from './registry.ts';

export interface OcspResponderOptions {
  readonly clock: Clock;
  readonly registry: CertificateRegistry;
  readonly authorities: Authorities;
  readonly signer: (keyName: string) => Promise<Signer>;
  /** From an answer to its nextUpdate. */
  readonly validityMs: number;
  /** Anybody may ask, and each of these is work of the CA's key. */
  readonly signaturesPerSecondMax: number;
}

/** An answer, DER, and how long a cache may give it; 0: not at all. */
export interface OcspReply {
  readonly der: Uint8Array;
  readonly cacheSeconds: number;
}

interface Kept {
  readonly status: CertStatus;
  readonly producedAtMs: number;
  readonly der: Promise<Uint8Array>;
}

const keptMax = 16_384;
/** Revocation is why it is asked, so not for its whole validity. */
const cacheSecondsMax = 300;

/**
 * Answers for the certificates of every CA that is not removed (RFC 6960), by the CA itself. An answer without a nonce is kept for
 * half of its validity, unless the status changes before: what it says is compared with the registry each time.
 */
export class OcspResponder {
  readonly counts = { asked: 0, signed: 0, refused: 0, failed: 0, signaturesPerSecondMax: 0 };
  readonly #options: OcspResponderOptions;
  readonly #signatures: TokenBuckets;
  /** What is not kept costs a signature each time, by a nonce or by several certificates: who asks so leaves half to the others. */
  readonly #unkept: TokenBuckets;
  /** The oldest is forgotten first. */
  readonly #kept = new Map<string, Kept>();

  constructor(options: OcspResponderOptions) {
    this.#options = options;
    const { clock, signaturesPerSecondMax: perSecondMax } = options;
    this.#signatures = new TokenBuckets({ clock, perSecondMax });
    this.#unkept = new TokenBuckets({ clock, perSecondMax: Math.ceil(perSecondMax / 2) });
  }

  /** Never rejects: what goes wrong is an answer too. */
  async answer(der: Uint8Array): Promise<OcspReply> {
    this.counts.asked++;
    const request = readRequest(der);
    const outcome = request === undefined ? 'malformedRequest' : await this.#answerOrFail(request);
    if (typeof outcome !== 'string') return outcome;
    this.counts.refused++;
    return { der: ocspError(outcome), cacheSeconds: 0 };
  }

  /** The answer about a certificate of a listener of ours, to be sent in its handshakes; nothing when there is none. */
  async staple(certificate: Certificate): Promise<Uint8Array | undefined> {
    const issuerId = this.#options.registry.find(certificate.id)?.issuerId;
    const issuer = issuerId && this.#options.authorities.find(issuerId);
    if (issuer === undefined) return undefined;
    const certIds = [certIdOf(certificate, issuer.certificate)];
    const outcome = await this.#answerOrFail({ certIds, nonce: undefined });
    return typeof outcome === 'string' ? undefined : outcome.der;
  }

  /** The CA's key does not sign, or not as it should: no fault of who asks. */
  async #answerOrFail(request: OcspRequest): Promise<OcspReply | Refusal> {
    try {
      return await this.#answer(request);
    } catch {
      this.counts.failed++;
      return 'internalError';
    }
  }

  async #answer({ certIds, nonce }: OcspRequest): Promise<OcspReply | Refusal> {
    const asked = this.#find(certIds);
    // RFC 5019 §2.2.3: of what is not ours nothing is known, and nothing is signed.
    if (asked === undefined) return 'unauthorized';
    const { issuer, statuses } = asked;
    const [first] = statuses;
    const key = statuses.length === 1 && first !== undefined ? keyOf(issuer, first.certId) : undefined;
    if (nonce === undefined && key !== undefined) {
      const kept = this.#keptFor(key, first!.status);
      if (kept !== undefined) return this.#reply(kept);
    }
    const isKept = nonce === undefined && key !== undefined;
    if (!this.#maySign({ isKept })) return this.#withoutSigning(key, first?.status);
    const producedAtMs = this.#options.clock.now();
    const signed = { status: first!.status, producedAtMs, der: this.#sign(asked, { producedAtMs, nonce }) };
    if (!isKept) return { der: await signed.der, cacheSeconds: 0 };
    this.#keep(key, signed);
    return this.#reply(signed);
  }

  #maySign({ isKept }: { readonly isKept: boolean }): boolean {
    if (!isKept && this.#unkept.take('all').kind === 'refused') return false;
    return this.#signatures.take('all').kind === 'taken';
  }

  /** One issuer for all: it signs for no other. */
  #find(certIds: readonly CertId[]) {
    const { authorities, registry } = this.#options;
    const issuer = authorities
      .all()
      .find(
        ({ kind, state, certificate }) =>
          kind === 'issuing' && state !== 'removed' && certIds.every((id) => isIssuedBy(id, certificate)),
      );
    if (issuer === undefined) return undefined;
    const statuses = certIds.flatMap((certId) => {
      const known = registry.revocationStatus(issuer.certificateId, certId.serial);
      return known === undefined ? [] : [{ certId, status: statusOf(known) }];
    });
    return statuses.length === certIds.length ? { issuer, statuses } : undefined;
  }

  async #sign(
    { issuer, statuses }: { readonly issuer: Authority; readonly statuses: readonly Asked[] },
    { producedAtMs, nonce }: { readonly producedAtMs: number; readonly nonce: Uint8Array | undefined },
  ): Promise<Uint8Array> {
    this.counts.signed++;
    return issueOcspAnswer({
      issuer: issuer.certificate,
      signer: await this.#options.signer(issuer.keyName),
      statuses,
      producedAtMs,
      nextUpdateMs: producedAtMs + this.#options.validityMs,
      nonce,
    });
  }

  /** An answer that is there may be given without the nonce (RFC 9654 §2.1); its client decides whether that will do. */
  #withoutSigning(key: string | undefined, status: CertStatus | undefined): Promise<OcspReply> | Refusal {
    this.counts.signaturesPerSecondMax++;
    const kept = key === undefined || status === undefined ? undefined : this.#keptFor(key, status);
    return kept === undefined ? 'tryLater' : this.#reply(kept);
  }

  #keptFor(key: string, status: CertStatus): Kept | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    const ageMs = this.#options.clock.now() - kept.producedAtMs;
    if (isSame(kept.status, status) && ageMs >= 0 && ageMs < this.#options.validityMs / 2) return kept;
    this.#kept.delete(key);
    return undefined;
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.set(key, kept);
    kept.der.catch(() => {
      if (this.#kept.get(key) === kept) this.#kept.delete(key);
    });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > keptMax && oldest !== undefined) this.#kept.delete(oldest);
  }

  async #reply({ der, producedAtMs }: Kept): Promise<OcspReply> {
    const { clock, validityMs } = this.#options;
    const leftSeconds = Math.floor((producedAtMs + validityMs - clock.now()) / 1000);
    return { der: await der, cacheSeconds: Math.max(0, Math.min(cacheSecondsMax, leftSeconds)) };
  }
}

type Refusal = Parameters<typeof ocspError>[0];

interface Asked {
  readonly certId: CertId;
  readonly status: CertStatus;
}

/** Nothing for what is no request. */
function readRequest(der: Uint8Array): OcspRequest | undefined {
  try {
    return parseOcspRequest(der);
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}

/** A hold may become a revocation for ever, or end and come again. */
function isSame(one: CertStatus, other: CertStatus): boolean {
  if (one.kind !== 'revoked' || other.kind !== 'revoked') return one.kind === other.kind;
  return one.atMs === other.atMs && one.reason === other.reason;
}

function keyOf({ certificateId }: Authority, { hash, serial }: CertId): string {
  return `${certificateId} ${hash} ${serial}`;
}

function statusOf(
  known: Exclude<ReturnType<CertificateRegistry['revocationStatus']>, undefined>,
): CertStatus {
  return known === 'good'
    ? { kind: 'good' }
    : { kind: 'revoked', atMs: known.revokedAtMs, reason: known.reason };
}
