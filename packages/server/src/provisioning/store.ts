import type { CertificateId, JsonObject, Sha256, ThingName, Transaction } from '@fleetward/core';

/** A provisioning template by name; what it says is in its versions. */
export interface TemplateRecord {
  readonly name: string;
  readonly defaultVersionId: number;
  /** No device is provisioned by one that is switched off. */
  readonly isEnabled: boolean;
  /** Whether a device may take a name that an active certificate speaks for already. */
  readonly mayRejoin: boolean;
  /** Asked before each provisioning. */
  readonly hookUrl?: string;
  readonly createdAtMs: number;
}

export interface TemplateVersion {
  readonly name: string;
  /** 1, 2, 3, …; never reused within a template. */
  readonly versionId: number;
  /** The template's text as it was saved. */
  readonly body: string;
  readonly createdAtMs: number;
}

/** A claim certificate: it may provision by one template. */
export interface Claim {
  readonly certificateId: CertificateId;
  readonly templateName: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** Operator id. */
  readonly createdBy: string;
  /** Certificates that it may ask for in its life; any number where this is missing. */
  readonly uses?: { readonly max: number; readonly left: number };
  /** The one thing that it may provision. */
  readonly thingName?: ThingName;
}

/** Lets the device that was given a certificate provision it, once. Only the SHA-256 of the token is kept. */
export interface OwnershipToken {
  readonly hash: Sha256;
  readonly certificateId: CertificateId;
  /** The claim certificate that asked for it. */
  readonly claimId: CertificateId;
  readonly expiresAtMs: number;
}

/** What a device was told when it provisioned, as long as its ownership token would have lasted. */
export interface KeptAnswer extends OwnershipToken {
  /** Of what it asked, by which it is known as the same request. */
  readonly requestHash: Sha256;
  readonly thingName: ThingName;
  readonly deviceConfiguration: JsonObject;
}

export interface VersionKey {
  readonly name: string;
  readonly versionId: number;
}

export interface ProvisioningStore {
  /** Stores the template with its first version. Refuses a name that exists with `StoreError` `store.conflict`. */
  addTemplate(tx: Transaction, template: TemplateRecord, version: TemplateVersion): Promise<void>;
  /** Replaces all but name and time. */
  updateTemplate(tx: Transaction, template: TemplateRecord): Promise<boolean>;
  /** With its versions. */
  removeTemplate(tx: Transaction, name: string): Promise<boolean>;
  templates(): Promise<readonly TemplateRecord[]>;
  addVersion(tx: Transaction, version: TemplateVersion): Promise<void>;
  versions(name: string, tx?: Transaction): Promise<readonly TemplateVersion[]>;
  /** The highest version id ever given out, deleted ones included. */
  lastVersionId(tx: Transaction, name: string): Promise<number>;
  removeVersion(tx: Transaction, key: VersionKey): Promise<boolean>;
  addClaim(tx: Transaction, claim: Claim): Promise<void>;
  claims(): Promise<readonly Claim[]>;
  /** Takes one use; false when none is left or the claim is gone, so that of two racing calls one wins. */
  useClaim(tx: Transaction, certificateId: CertificateId): Promise<boolean>;
  /** Forgets claims that ended at `atMs` or before. */
  removeEndedClaims(tx: Transaction, atMs: number): Promise<void>;
  addToken(tx: Transaction, token: OwnershipToken): Promise<void>;
  findToken(hash: Sha256): Promise<OwnershipToken | undefined>;
  /** The token of a certificate that this claim asked for and that waits to be provisioned. */
  findTokenOf(
    waiting: Pick<OwnershipToken, 'certificateId' | 'claimId'>,
  ): Promise<OwnershipToken | undefined>;
  /** Takes the token away, whatever its age; false when it is not there, so that of two racing calls one wins. */
  takeToken(tx: Transaction, hash: Sha256): Promise<boolean>;
  addAnswer(tx: Transaction, answer: KeptAnswer): Promise<void>;
  findAnswer(hash: Sha256): Promise<KeptAnswer | undefined>;
  /** Forgets answers that ended at `atMs` or before. */
  removeEndedAnswers(tx: Transaction, atMs: number): Promise<void>;
  /** Tokens that ended at `atMs` or before. */
  endedTokens(range: { readonly atMs: number; readonly limit: number }): Promise<readonly OwnershipToken[]>;
  /** How many tokens of the claim there are. */
  countTokens(claimId: CertificateId): Promise<number>;
}
