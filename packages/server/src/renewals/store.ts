import type { CertificateId, GroupName, ThingName, Transaction } from '@fleetward/core';
import type { LeafProfileName } from '@fleetward/pki';
import type { Pace } from '../pace.ts';
import type { CampaignState, MemberState } from './rules.ts';

/** Which certificates are to be renewed: those that match all that is given; nothing given is every one. */
export interface RenewalSelection {
  readonly groupName?: GroupName;
  readonly issuerId?: CertificateId;
  readonly profile?: LeafProfileName;
  /** Those that end before this time. */
  readonly expiresBeforeMs?: number;
}

export interface RenewalCampaign {
  readonly campaignId: string;
  readonly selection: RenewalSelection;
  readonly state: CampaignState;
  readonly pace: Pace;
  readonly members: number;
  readonly createdAtMs: number;
  /** Operator id. */
  readonly createdBy: string;
  readonly endedAtMs?: number;
}

export interface RenewalMember {
  readonly certificateId: CertificateId;
  readonly thingName: ThingName;
  readonly state: MemberState;
  /** When it came into that state; nothing while it waits. */
  readonly atMs?: number;
}

export interface RenewalStore {
  add(tx: Transaction, campaign: RenewalCampaign, members: readonly RenewalMember[]): Promise<void>;
  /** State, pace and end as they are given. */
  update(tx: Transaction, campaign: RenewalCampaign): Promise<void>;
  setMembers(
    tx: Transaction,
    change: {
      readonly campaignId: string;
      readonly certificateIds: readonly CertificateId[];
      readonly state: MemberState;
      readonly atMs: number;
    },
  ): Promise<void>;
  /** With its members. */
  remove(tx: Transaction, campaignId: string): Promise<void>;
  /** The newest first. */
  campaigns(): Promise<readonly RenewalCampaign[]>;
  counts(campaignId: string): Promise<Readonly<Record<MemberState, number>>>;
  /** By certificate id. */
  members(range: {
    readonly campaignId: string;
    readonly state?: MemberState;
    readonly after?: CertificateId;
    readonly limit: number;
  }): Promise<readonly RenewalMember[]>;
}
