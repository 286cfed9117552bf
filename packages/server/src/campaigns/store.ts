import type { GroupName, Sha256, ThingName, Transaction } from '@fleetward/core';
import type { ReleaseComponent } from '@fleetward/updates';
import type { ActionState, CampaignState } from './steps.ts';
import type { Terms } from './terms.ts';
import type { TroubleFinding } from './trouble.ts';

/** The release of a campaign, as the signed targets named it when the campaign was made. */
export interface CampaignRelease {
  /** Target path. */
  readonly path: string;
  readonly sha256: Sha256;
  readonly lengthBytes: number;
  readonly component: ReleaseComponent;
  readonly product: string;
  readonly version: string;
  readonly hardware: readonly string[];
}

/** Which things: those under the group, those that match the query, or every one, that have the attributes; or those that a campaign updated. */
export interface CampaignTarget {
  readonly groupName?: GroupName;
  /** As in docs/reference/search.md. */
  readonly query?: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Whether things that come to the group, or to match the query, later join. */
  readonly isContinuous: boolean;
  /** Campaign id: what it updated is taken back. */
  readonly updatedBy?: string;
}

/** What never changes of a campaign. */
export interface CampaignDefinition {
  readonly name: string;
  readonly release: CampaignRelease;
  readonly target: CampaignTarget;
  readonly terms: Terms;
  readonly needsApproval: boolean;
  /** When it starts by itself, once it may. */
  readonly startAtMs?: number;
}

/** Why a campaign did not start, paused or halted. */
export interface StopReason {
  readonly cause: 'start' | 'target' | 'stage' | 'abort' | 'release' | 'trouble';
  readonly explanation: string;
  /** Of cause `trouble`: what was counted. */
  readonly trouble?: TroubleFinding;
}

export interface Campaign extends CampaignDefinition {
  readonly campaignId: string;
  readonly state: CampaignState;
  /** Index of the stage that runs. */
  readonly stage: number;
  /** Up to when offers are spent. */
  readonly pacedFromMs: number;
  readonly because?: StopReason;
  readonly createdAtMs: number;
  /** Operator id. */
  readonly createdBy: string;
  /** Operator id. */
  readonly approvedBy?: string;
  readonly startedAtMs?: number;
  /** When nothing of it was open any more. */
  readonly endedAtMs?: number;
}

/** One thing of one campaign. */
export interface Action {
  /** Unique over all campaigns, rising; within a campaign in the order of their turns. */
  readonly actionId: number;
  readonly campaignId: string;
  readonly thingName: ThingName;
  readonly state: ActionState;
  /** When it came into that state. */
  readonly sinceMs: number;
  /** The stage in which it was first offered. */
  readonly stage?: number;
  /** Offers so far. */
  readonly attempts: number;
  readonly offeredAtMs?: number;
  /** The next attempt is not before. */
  readonly notBeforeMs?: number;
  /** What the thing ran when it was first offered. */
  readonly fromVersion?: string;
  readonly fromSha256?: string;
  readonly cause?: string;
  readonly explanation?: string;
}

/** How many actions of a campaign are alike. */
export interface ActionCount {
  readonly stage: number | undefined;
  readonly state: ActionState;
  readonly cause: string | undefined;
  readonly count: number;
}

/** What things ran before a campaign offered them its release. */
export interface PreviousVersion {
  readonly version: string;
  readonly sha256: string;
  readonly things: number;
}

export interface CampaignStore {
  add(tx: Transaction, campaign: Campaign): Promise<void>;
  /** Everything but the definition. */
  update(tx: Transaction, campaign: Campaign): Promise<void>;
  /** Some of its actions, and with the last of them the campaign; answers whether it is gone. */
  remove(
    tx: Transaction,
    part: { readonly campaignId: string; readonly actionsMax: number },
  ): Promise<boolean>;
  /** The newest first. */
  campaigns(): Promise<readonly Campaign[]>;
  /** Adds them, or puts them in the place of what they were. */
  saveActions(tx: Transaction, actions: readonly Action[]): Promise<void>;
  /** By action id. */
  actions(range: {
    readonly campaignId: string;
    readonly state?: ActionState;
    readonly after?: number;
    readonly limit: number;
  }): Promise<readonly Action[]>;
  action(actionId: number): Promise<Action | undefined>;
  /** The highest that was ever given out and is kept; 0 for none. */
  lastActionId(): Promise<number>;
  counts(campaignId: string): Promise<readonly ActionCount[]>;
  /** What its things ran when they were first offered its release, the most frequent first; at most 100. */
  previous(campaignId: string): Promise<readonly PreviousVersion[]>;
}
