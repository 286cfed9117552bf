import { type Clock, parseSha256, type Sha256, type Transactor } from '@fleetward/core';
import { type Certificate, parseCertificate } from '@fleetward/pki';
import { type Certificates, publicKeyHash } from '../certificates/index.ts';
import { isConflict } from '../store-error.ts';
import type { Trail } from '../trail/index.ts';
import { Turns } from '../turns.ts';
import { EndorsementsError } from './errors.ts';
import {
  assertRoot,
  certifiedFlaw,
  endorsementKeyFlaw,
  namedKey,
  type ShownEndorsementKey,
} from './rules.ts';
import type { EndorsementRecord, EndorsementStore } from './store.ts';

export interface EndorsementsOptions {
  readonly store: EndorsementStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly certificates: Pick<Certificates, 'keyRules'>;
  /** `rootsMax`: all of them are looked at for each key that is not listed itself. */
  readonly settings: { readonly rootsMax: number };
}

/** What an operator trusts: a key by its hash or certificate, or a CA of a vendor of TPMs. */
export type WantedEndorsement =
  | { readonly kind: 'key'; readonly hash: Sha256 }
  | { readonly kind: 'key'; readonly certificate: Certificate }
  | { readonly kind: 'root'; readonly certificate: Certificate };

/** Why an endorsement key is believed to be a TPM's, or not. */
export type EndorsementVerdict =
  | { readonly kind: 'trusted'; readonly endorsementId: Sha256; readonly because: string }
  | { readonly kind: 'untrusted'; readonly reason: string };

interface By {
  readonly operatorId: string;
}

/** The endorsement keys of TPMs that operators trust, and the CAs of vendors that certify them. */
export class Endorsements {
  readonly #options: EndorsementsOptions;
  // Two at once would both find room for a root.
  readonly #turns = new Turns();

  constructor(options: EndorsementsOptions) {
    this.#options = options;
  }

  /** Throws `endorsements.refused`, `endorsements.exists` or `endorsements.limit`. */
  add(wanted: WantedEndorsement, { operatorId }: By): Promise<EndorsementRecord> {
    return this.#turns.take('endorsements', async () => {
      const { store, transactor, trail, clock, settings } = this.#options;
      const record = { ...this.#recordOf(wanted), createdAtMs: clock.now(), createdBy: operatorId };
      const { endorsementId, kind } = record;
      if (kind === 'root' && (await store.roots()).length >= settings.rootsMax) throw full(settings);
      const actor = { kind: 'operator', operatorId } as const;
      try {
        await transactor.transact(async (tx) => {
          await store.add(tx, record);
          await trail.append(tx, { kind: 'endorsement.added', actor, payload: { endorsementId, kind } });
        });
      } catch (cause) {
        if (!isConflict(cause)) throw cause;
        throw new EndorsementsError('endorsements.exists', `\`${endorsementId}\` is trusted already`, {
          cause,
        });
      }
      return record;
    });
  }

  page(range: { readonly after?: Sha256; readonly limit: number }): Promise<readonly EndorsementRecord[]> {
    return this.#options.store.page(range);
  }

  /** What was issued by it stays. Throws `endorsements.not_found`. */
  async remove(endorsementId: Sha256, { operatorId }: By): Promise<void> {
    const { store, transactor, trail } = this.#options;
    const actor = { kind: 'operator', operatorId } as const;
    await transactor.transact(async (tx) => {
      if (!(await store.remove(tx, endorsementId)))
        throw new EndorsementsError('endorsements.not_found', `there is no endorsement \`${endorsementId}\``);
      await trail.append(tx, { kind: 'endorsement.deleted', actor, payload: { endorsementId } });
    });
  }

  /** Whether an operator has said of this key that it is a TPM's, as things stand now. */
  async judge({ publicKey, certified }: ShownEndorsementKey): Promise<EndorsementVerdict> {
    const { store, certificates, clock } = this.#options;
    const { keyRules } = certificates;
    const flaw = endorsementKeyFlaw(publicKey, keyRules);
    if (flaw !== undefined) return { kind: 'untrusted', reason: flaw };
    const endorsementId = parseSha256(publicKeyHash(publicKey));
    if ((await store.find(endorsementId))?.kind === 'key')
      return { kind: 'trusted', endorsementId, because: 'an operator has listed it' };
    if (certified === undefined)
      return {
        kind: 'untrusted',
        reason: `its hash \`${endorsementId}\` is not listed, and no certificate came with it`,
      };
    const roots = (await store.roots()).map(({ der }) => parseCertificate(der));
    const why = certifiedFlaw(certified, { roots, keyRules, atMs: clock.now() });
    if (why === undefined)
      return {
        kind: 'trusted',
        endorsementId,
        because: `\`${certified.certificate.issuer.text}\` has certified it`,
      };
    return {
      kind: 'untrusted',
      reason: `its hash \`${endorsementId}\` is not listed, and its certificate is not believed: ${why}`,
    };
  }

  #recordOf(wanted: WantedEndorsement) {
    if ('hash' in wanted) return { kind: 'key', endorsementId: wanted.hash } as const;
    const { keyRules } = this.#options.certificates;
    const { certificate } = wanted;
    if (wanted.kind === 'key') {
      const endorsementId = parseSha256(publicKeyHash(namedKey(certificate, keyRules)));
      return { kind: 'key', endorsementId } as const;
    }
    assertRoot(certificate, { keyRules, atMs: this.#options.clock.now() });
    return { kind: 'root', endorsementId: parseSha256(certificate.id), der: certificate.der } as const;
  }
}

function full({ rootsMax }: EndorsementsOptions['settings']): EndorsementsError {
  return new EndorsementsError(
    'endorsements.limit',
    `there are ${rootsMax} roots of TPM vendors already (setting \`endorsements.rootsMax\`)`,
  );
}
