import type { CertificateId, Transaction } from '@fleetward/core';
import { type MemberEvent, type MemberState, memberSteps } from './rules.ts';
import type { RenewalCampaign, RenewalStore } from './store.ts';

const pageSize = 1000;

/** A campaign that is not over, with its members that are not done, in memory; changed in the tick of each commit. */
export class OpenCampaign {
  campaign: RenewalCampaign;
  readonly #members = new Map<CertificateId, 'WAITING' | 'CALLED'>();

  constructor(campaign: RenewalCampaign) {
    this.campaign = campaign;
  }

  async load(store: RenewalStore): Promise<void> {
    const { campaignId } = this.campaign;
    for (let after: CertificateId | undefined; ; ) {
      const from = after === undefined ? {} : { after };
      const page = await store.members({ campaignId, ...from, limit: pageSize });
      for (const { certificateId, state } of page) this.put(certificateId, state);
      after = page.at(-1)?.certificateId;
      if (after === undefined) return;
    }
  }

  put(certificateId: CertificateId, state: MemberState): void {
    if (state === 'WAITING' || state === 'CALLED') this.#members.set(certificateId, state);
    else this.#members.delete(certificateId);
  }

  /** Undefined for one that is no member, or is done. */
  stateOf(certificateId: CertificateId): MemberState | undefined {
    return this.#members.get(certificateId);
  }

  get isDone(): boolean {
    return this.#members.size === 0;
  }

  /** Those that are not done. */
  openMembers(): readonly CertificateId[] {
    return [...this.#members.keys()];
  }

  /** Those that wait, in the order of their ids: as good as by lot. */
  waiting(): readonly CertificateId[] {
    return this.openMembers().filter((certificateId) => this.#members.get(certificateId) === 'WAITING');
  }

  /** Writes a step of members, those apart that may not take it. */
  async step(
    tx: Transaction,
    {
      store,
      event,
      atMs,
    }: { readonly store: RenewalStore; readonly event: MemberEvent; readonly atMs: number },
    certificateIds: readonly CertificateId[],
  ): Promise<void> {
    const byState = Map.groupBy(certificateIds, (id) => memberSteps[this.stateOf(id) ?? 'GONE'][event]);
    for (const [state, ids] of byState) {
      if (state === undefined) continue;
      const { campaignId } = this.campaign;
      await store.setMembers(tx, { campaignId, certificateIds: ids, state, atMs });
      tx.afterCommit(() => {
        // One that renewed meanwhile is done.
        for (const certificateId of ids)
          if (this.stateOf(certificateId) !== undefined) this.put(certificateId, state);
      });
    }
  }
}
