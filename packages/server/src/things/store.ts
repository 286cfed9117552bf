import type { CertificateId, JsonObject, ThingName, Transaction } from '@fleetward/core';
import type { LifecycleState } from './lifecycle.ts';

export interface Thing {
  readonly name: ThingName;
  readonly typeName?: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** For operators to find and sort by; policies do not see them. */
  readonly tags: Readonly<Record<string, string>>;
  readonly state: LifecycleState;
  readonly createdAtMs: number;
}

/** A certificate speaks for a thing. Exclusive: for that thing alone, whatever the client id. */
export interface CertificateAttachment {
  readonly thingName: ThingName;
  readonly certificateId: CertificateId;
  readonly exclusive: boolean;
}

export type AttachedPair = Pick<CertificateAttachment, 'thingName' | 'certificateId'>;

/** What a device last said of itself: protocol version, installed version, outcome of the last update. */
export interface DeviceReport {
  readonly thingName: ThingName;
  readonly receivedAtMs: number;
  readonly report: JsonObject;
}

export interface ThingStore {
  /** Refuses a name that exists with `StoreError` `store.conflict`. */
  add(tx: Transaction, thing: Thing): Promise<void>;
  /** As `add` for many: all of them or none. */
  addAll(tx: Transaction, things: readonly Thing[]): Promise<void>;
  find(name: ThingName, tx?: Transaction): Promise<Thing | undefined>;
  /** Replaces type, attributes and tags. */
  update(tx: Transaction, thing: Pick<Thing, 'name' | 'typeName' | 'attributes' | 'tags'>): Promise<boolean>;
  /** False when it is not in the state `from`. */
  setState(
    tx: Transaction,
    change: { readonly name: ThingName; readonly from: LifecycleState; readonly to: LifecycleState },
  ): Promise<boolean>;
  /** With its last report; refuses one that a certificate is attached to with `StoreError` `store.conflict`. */
  remove(tx: Transaction, name: ThingName): Promise<boolean>;
  /** Things with a name greater than `after`, by name. */
  page(range: { readonly after?: ThingName; readonly limit: number }): Promise<readonly Thing[]>;
  /** Idempotent. */
  attach(tx: Transaction, attachment: CertificateAttachment): Promise<void>;
  /** Remembers that there was an attachment; false when there was none. */
  detach(tx: Transaction, pair: AttachedPair): Promise<boolean>;
  /** Every attachment that was ended, also of things that are gone. */
  pastAttachments(): Promise<readonly AttachedPair[]>;
  /** Every attachment, for the registry in memory. */
  attachments(): Promise<readonly CertificateAttachment[]>;
  /** Keeps the newest report of each thing. */
  saveReport(tx: Transaction, report: DeviceReport): Promise<void>;
  findReport(name: ThingName): Promise<DeviceReport | undefined>;
  /** Reports of things with a name greater than `after`, by name. */
  reports(range: { readonly after?: ThingName; readonly limit: number }): Promise<readonly DeviceReport[]>;
}

/** What things of one type have to have. A type that is not kept asks for nothing. */
export interface ThingType {
  readonly name: string;
  /** Names of attributes that each thing of the type has, with a text that is not empty. */
  readonly requiredAttributes: readonly string[];
  /** For operators to find and sort by. */
  readonly tags: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
}

export interface ThingTypeStore {
  /** Refuses a name that exists with `StoreError` `store.conflict`. */
  add(tx: Transaction, type: ThingType): Promise<void>;
  /** Replaces required attributes and tags. */
  update(tx: Transaction, type: Omit<ThingType, 'createdAtMs'>): Promise<boolean>;
  remove(tx: Transaction, name: string): Promise<boolean>;
  /** Every type, by name. */
  all(): Promise<readonly ThingType[]>;
}
