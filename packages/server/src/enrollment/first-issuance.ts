import type { CertificateId, Clock, Transaction } from '@fleetward/core';
import { type PublicKey, parseCertificate } from '@fleetward/pki';
import { type Certificates, type SignedCertificate, speaksForThings } from '../certificates/index.ts';
import type { Groups } from '../groups/index.ts';
import type { Policies } from '../policies/index.ts';
import type { Things } from '../things/index.ts';
import type { AttemptLog } from './attempt-log.ts';
import { certificatesHeld, keyInUse, refusalOf, used } from './conflicts.ts';
import { notLetBack } from './judged.ts';
import type { EnrollmentOutcome } from './outcome.ts';
import { type Refusal, refuse } from './refusal.ts';
import { RolledBack } from './rolled-back.ts';
import type { AcceptedCsr } from './rules.ts';
import type { EnrollmentStore, JoinToken } from './store.ts';
import type { Trace } from './trace.ts';

export interface FirstIssuanceOptions {
  readonly store: EnrollmentStore;
  readonly things: Things;
  readonly groups: Groups;
  readonly policies: Policies;
  readonly certificates: Certificates;
  readonly clock: Clock;
  readonly attempts: AttemptLog;
}

/** A request that is in order, with the token that came with it. */
export interface Admitted extends Pick<AcceptedCsr, 'thingName'> {
  readonly publicKey: PublicKey;
  readonly token: JoinToken;
  readonly keyHash: string;
  readonly remoteAddress: string;
  readonly trace: Trace;
}

/** The certificate of a device that has none, or the one it was given before, with its thing, its group and what may be done with it. */
export class FirstIssuance {
  readonly #options: FirstIssuanceOptions;

  constructor(options: FirstIssuanceOptions) {
    this.#options = options;
  }

  /** In the turn of the name and of the key. */
  async issue(admitted: Admitted): Promise<EnrollmentOutcome> {
    const { trace, token } = admitted;
    trace.begin('key');
    const repeated = await this.#repeat(admitted);
    if (repeated !== undefined) return repeated;
    trace.begin('uses');
    if (token.usesLeft === 0) return used(admitted);
    trace.pass(`${token.usesLeft} of ${token.usesMax} uses of the token are left`);
    trace.begin('key');
    const taken = await this.#keyConflict(admitted);
    if (taken !== undefined) return taken;
    trace.pass('no certificate has, or had, this key');
    const conflict = speaksForThings(token.profile) ? this.#thingConflict(admitted) : undefined;
    if (conflict !== undefined) return conflict;
    trace.begin('issue');
    // Signing waits for another process: never inside the transaction.
    const { thingName: commonName, publicKey } = admitted;
    const { profile } = token;
    const signed = await this.#options.certificates.sign({ profile, commonName, publicKey });
    trace.pass(`certificate \`${signed.record.certificateId}\` was signed`);
    return this.#commit(admitted, signed);
  }

  /** The certificate that this token and key were given before, in case its answer never arrived. */
  async #repeat({
    token,
    keyHash,
    thingName,
    remoteAddress,
    trace,
  }: Admitted): Promise<EnrollmentOutcome | undefined> {
    const { store, certificates, things, clock } = this.#options;
    const certificateId = await store.findUse({ tokenId: token.tokenId, publicKeyHash: keyHash });
    const record = certificateId === undefined ? undefined : await certificates.find(certificateId);
    if (record === undefined || certificateId === undefined) return undefined;
    const names = things.attachmentsOf(certificateId).map((attached) => attached.thingName);
    const isItsOwn = speaksForThings(record.profile)
      ? names.includes(thingName)
      : parseCertificate(record.der).subject.attributes.commonName?.[0] === thingName;
    const standing = certificates.standing(certificateId, clock.now());
    if (!isItsOwn || standing !== 'active') return keyInUse([certificateId], { thingName });
    const chain = certificates.chainOf(record);
    const explanation = 'the same token and key were shown again: the same certificate was given again';
    trace.pass(explanation);
    const end = { outcome: 'reissued', reason: 'ok', explanation, remoteAddress, certificateId } as const;
    await this.#options.attempts.addAlone(trace, end);
    return { kind: 'issued', isRepeated: true, thingName, certificateId, chain };
  }

  async #keyConflict({ keyHash, thingName }: Admitted, tx?: Transaction): Promise<Refusal | undefined> {
    const [holder] = await this.#options.certificates.ofPublicKey(keyHash, tx);
    return holder === undefined ? undefined : keyInUse([holder.certificateId], { thingName });
  }

  #thingConflict({ thingName, token, trace }: Admitted): Refusal | undefined {
    trace.begin('thing');
    const [holder] = certificatesHeld(thingName, this.#options);
    if (holder !== undefined) {
      const explanation = `the thing \`${thingName}\` has a certificate already (${holder.state}); an operator must revoke or detach it first`;
      return refuse('thing_has_certificate', explanation, { thingName });
    }
    const judged = this.#judged({ thingName, token });
    if (judged !== undefined) return judged;
    trace.pass(
      `the thing \`${thingName}\` has no certificate that speaks for it, may again, or shuts it out`,
    );
    return undefined;
  }

  #judged({ thingName, token }: Pick<Admitted, 'thingName' | 'token'>): Refusal | undefined {
    const wayBack = `make a join token for this name alone (\`fleetward join-token create ${thingName}\`)`;
    const consent = token.namePattern === thingName ? { givenAtMs: token.createdAtMs } : undefined;
    return notLetBack(thingName, { ...this.#options, consent, wayBack });
  }

  async #commit(admitted: Admitted, signed: SignedCertificate): Promise<EnrollmentOutcome> {
    try {
      await this.#options.policies.whileNewcomerKept(this.#newcomerOf(admitted), (tx) =>
        this.#write(tx, admitted, signed),
      );
    } catch (error) {
      const refusal = refusalOf(error, admitted.thingName);
      if (refusal === undefined) throw error;
      return refusal;
    }
    const { certificateId } = signed.record;
    return {
      kind: 'issued',
      isRepeated: false,
      thingName: admitted.thingName,
      certificateId,
      chain: signed.chain,
    };
  }

  /** Whose policies are proved to keep the guard rails. */
  #newcomerOf({ token, thingName }: Admitted) {
    const { policies: policyNames, groupName } = token;
    if (groupName === undefined) return { policyNames, thingName };
    const present = this.#options.things.certificatesOf(thingName);
    const certificateIds = present.map(({ certificateId }) => certificateId);
    return { policyNames, thingName, joins: { groupName, certificateIds } };
  }

  async #write(tx: Transaction, admitted: Admitted, signed: SignedCertificate): Promise<void> {
    const { store, clock, certificates, policies } = this.#options;
    const { token, keyHash, remoteAddress, trace } = admitted;
    const { tokenId } = token;
    const { certificateId } = signed.record;
    const actor = { kind: 'device', certificateId } as const;
    if (!(await store.useToken(tx, { tokenId, atMs: clock.now() }))) throw new RolledBack(used(admitted));
    const conflict = await this.#keyConflict(admitted, tx);
    // The device may have been shut out while the signing process was at work.
    const judged = speaksForThings(token.profile) ? this.#judged(admitted) : undefined;
    const refusal = conflict ?? judged;
    if (refusal !== undefined) throw new RolledBack(refusal);
    await certificates.record(tx, signed, actor);
    if (speaksForThings(token.profile)) await this.#bindThing(tx, admitted, certificateId);
    for (const policyName of token.policies)
      await policies.attachments.attachWithin(tx, { policyName, certificateId }, actor);
    await store.addUse(tx, { tokenId, certificateId, publicKeyHash: keyHash });
    const explanation = 'a certificate was issued';
    const end = { outcome: 'issued', reason: 'ok', explanation, remoteAddress, certificateId } as const;
    await this.#options.attempts.add(tx, trace, end);
  }

  async #bindThing(
    tx: Transaction,
    { token, thingName }: Admitted,
    certificateId: CertificateId,
  ): Promise<void> {
    const { things, groups } = this.#options;
    const { groupName } = token;
    const actor = { kind: 'device', certificateId } as const;
    if (things.known(thingName) === undefined) await things.createWithin(tx, { name: thingName }, actor);
    await things.attachments.attachWithin(tx, { thingName, certificateId, exclusive: false }, actor);
    if (groupName !== undefined) await groups.memberships.addWithin(tx, { groupName, thingName }, actor);
  }
}
