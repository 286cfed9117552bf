import { type CertificateId, type Clock, parseCertificateId } from '@fleetward/core';
import type { Access, HeldSession } from '@fleetward/mqtt';
import type { Certificates } from '../certificates/index.ts';
import type { VendorCas } from '../vendor-cas/index.ts';
import type { Authorizer, Principal } from './authorizer.ts';

interface AwayParts {
  readonly certificates: Pick<Certificates, 'standing' | 'summary' | 'trust'>;
  readonly vendorCas: Pick<VendorCas, 'find'>;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly sessions: () => Iterable<HeldSession>;
}

/** Nothing more is kept for such a session, and its will stays unsaid. */
const FROZEN: Access = Object.freeze({
  mayPublish: () => false,
  maySubscribe: () => false,
  mayReceive: () => false,
});

/** The rights of sessions whose device is not connected: the last certificate that was decides. */
export class AwaySessions {
  readonly #parts: AwayParts;

  constructor(parts: AwayParts) {
    this.#parts = parts;
  }

  /** Of a session of an earlier run, whose certificate and address are not at hand: what depends on them does not hold. */
  accessOf({ principal, clientId }: HeldSession): Access {
    const certificateId = parseCertificateId(principal);
    return this.#isGood(certificateId)
      ? this.#parts.authorizer.principal({ certificateId, clientId })
      : FROZEN;
  }

  /** What decides for them, where it is not frozen. */
  *principals(): Iterable<Principal> {
    for (const { access } of this.#away()) if (isPrincipal(access)) yield access;
  }

  /** Answers how many sessions of the certificate there are. */
  freeze(certificateId: CertificateId): number {
    return this.#freezeWhere((session) => session.principal === certificateId);
  }

  /** The certificate may speak again: what its sessions may is decided anew. */
  thaw(certificateId: CertificateId): void {
    for (const session of this.#away())
      if (session.principal === certificateId && session.access === FROZEN)
        session.replaceAccess(this.#accessOrNone(session));
  }

  /** As after a CA was removed, or a vendor's was switched off or on. Answers how many are frozen now. */
  recheck(): number {
    for (const session of this.#away())
      if (session.access === FROZEN) session.replaceAccess(this.#accessOrNone(session));
    return this.#freezeWhere((session) => !this.#isGood(parseCertificateId(session.principal)));
  }

  /** Compiles the rights anew. */
  refresh(certificateIds: ReadonlySet<string>): void {
    for (const session of this.#away()) {
      if (session.access === FROZEN || !certificateIds.has(session.principal)) continue;
      const known = session.access as Partial<Principal>;
      const { claim = { certificateId: parseCertificateId(session.principal), clientId: session.clientId } } =
        known;
      session.replaceAccess(this.#principalOrNone(claim));
    }
  }

  #freezeWhere(isBarred: (session: HeldSession) => boolean): number {
    let count = 0;
    for (const session of this.#away()) {
      if (!isBarred(session)) continue;
      session.replaceAccess(FROZEN);
      count++;
    }
    return count;
  }

  #principalOrNone(claim: Principal['claim']): Access {
    try {
      return this.#parts.authorizer.principal(claim);
    } catch {
      return FROZEN; // this runs in the tick of a commit
    }
  }

  #accessOrNone(session: HeldSession): Access {
    try {
      return this.accessOf(session);
    } catch {
      return FROZEN; // this runs in the tick of a commit
    }
  }

  *#away(): Iterable<HeldSession> {
    for (const session of this.#parts.sessions()) if (!session.isConnected) yield session;
  }

  #isGood(certificateId: CertificateId): boolean {
    const { certificates, clock } = this.#parts;
    const summary = certificates.summary(certificateId);
    if (summary === undefined || !this.#isTrusted(summary)) return false;
    const standing = certificates.standing(certificateId, clock.now());
    return standing === 'active' || standing === 'expired'; // it may be renewed, and its thing's session goes on
  }

  #isTrusted({ profile, issuerId }: { readonly profile: string; readonly issuerId: CertificateId }): boolean {
    const { certificates, vendorCas, clock } = this.#parts;
    if (profile !== 'vendor') return certificates.trust().issuers.some(({ id }) => id === issuerId);
    const ca = vendorCas.find(issuerId);
    return ca?.state === 'active' && clock.now() <= ca.certificate.notAfterMs;
  }
}

function isPrincipal(access: Access): access is Principal {
  return 'drain' in access;
}
