import type { Transactor } from '@fleetward/core';
import type { ActivityStore } from '../activity/store.ts';
import type { CampaignStore } from '../campaigns/store.ts';
import type { CertificateStore } from '../certificates/store.ts';
import type { TargetTokenStore } from '../ddi/store.ts';
import type { DeviceMetricsStore } from '../device-metrics/store.ts';
import type { EndorsementStore } from '../endorsements/store.ts';
import type { EnrollmentStore } from '../enrollment/store.ts';
import type { GroupStore } from '../groups/store.ts';
import type { IssuanceLogStore } from '../issuance-log/store.ts';
import type { JobStore } from '../jobs/store.ts';
import type { OperatorStore } from '../operators/store.ts';
import type { PolicyStore } from '../policies/store.ts';
import type { PresenceStore } from '../presence/store.ts';
import type { ProvisioningStore } from '../provisioning/store.ts';
import type { ReleaseStore } from '../releases/store.ts';
import type { RenewalStore } from '../renewals/store.ts';
import type { ShadowStore } from '../shadows/store.ts';
import type { StoreError } from '../store-error.ts';
import type { ThingStore, ThingTypeStore } from '../things/store.ts';
import type { TrailStore } from '../trail/store.ts';
import type { VendorCaStore } from '../vendor-cas/store.ts';
import { createActivityStore } from './activity.ts';
import { createCampaignStore } from './campaigns.ts';
import { createCertificateStore } from './certificates.ts';
import { createDeviceMetricsStore } from './device-metrics.ts';
import { createEndorsementStore } from './endorsements.ts';
import { createEnrollmentStore } from './enrollment.ts';
import { createGroupStore } from './groups.ts';
import { createIssuanceLogStore } from './issuance-log.ts';
import { createJobStore } from './jobs.ts';
import { createOperatorStore } from './operators.ts';
import { createPolicyStore } from './policies.ts';
import { openPostgres, type PostgresConfig } from './postgres/open.ts';
import { createPresenceStore } from './presence.ts';
import { createProvisioningStore } from './provisioning.ts';
import { createReleaseStore } from './releases.ts';
import { createRenewalStore } from './renewals.ts';
import { createShadowStore } from './shadows.ts';
import { openSqlite, type SqliteConfig } from './sqlite/open.ts';
import { createTargetTokenStore } from './target-tokens.ts';
import { createThingTypeStore } from './thing-types.ts';
import { createThingStore } from './things.ts';
import { createTrailStore } from './trail.ts';
import { createVendorCaStore } from './vendor-cas.ts';

export type { PostgresConfig } from './postgres/open.ts';
export { type FolderLock, lockFolder } from './sqlite/folder-lock.ts';
export type { SqliteConfig } from './sqlite/open.ts';

export type StorageConfig = SqliteConfig | PostgresConfig;

/** Every store of the records. */
export interface Stores {
  /** The chain of one node. */
  trail(node: string): TrailStore;
  readonly operators: OperatorStore;
  readonly things: ThingStore;
  readonly thingTypes: ThingTypeStore;
  readonly presence: PresenceStore;
  readonly groups: GroupStore;
  readonly activity: ActivityStore;
  readonly policies: PolicyStore;
  readonly issuanceLog: IssuanceLogStore;
  readonly certificates: CertificateStore;
  readonly renewals: RenewalStore;
  readonly endorsements: EndorsementStore;
  readonly enrollment: EnrollmentStore;
  readonly provisioning: ProvisioningStore;
  readonly vendorCas: VendorCaStore;
  readonly releases: ReleaseStore;
  readonly campaigns: CampaignStore;
  readonly targetTokens: TargetTokenStore;
  readonly jobs: JobStore;
  readonly shadows: ShadowStore;
  readonly deviceMetrics: DeviceMetricsStore;
}

export interface Storage {
  readonly transactor: Transactor;
  readonly stores: Stores;
  /** Resolves when the records are gone for good: only a new start can say what they hold. */
  readonly lost: Promise<StoreError>;
  /** Finishes the transactions that wait, then closes. */
  close(): Promise<void>;
}

/** Opens the records and brings their schema up to date; throws a `StoreError` when that cannot be done. */
export async function openStorage(config: StorageConfig): Promise<Storage> {
  const database = await (config.kind === 'sqlite' ? openSqlite(config) : openPostgres(config));
  return {
    transactor: database.transactor,
    stores: {
      trail: (node) => createTrailStore(database, node),
      operators: createOperatorStore(database),
      things: createThingStore(database),
      thingTypes: createThingTypeStore(database),
      presence: createPresenceStore(database),
      groups: createGroupStore(database),
      activity: createActivityStore(database),
      policies: createPolicyStore(database),
      issuanceLog: createIssuanceLogStore(database),
      certificates: createCertificateStore(database),
      renewals: createRenewalStore(database),
      endorsements: createEndorsementStore(database),
      enrollment: createEnrollmentStore(database),
      provisioning: createProvisioningStore(database),
      vendorCas: createVendorCaStore(database),
      releases: createReleaseStore(database),
      campaigns: createCampaignStore(database),
      targetTokens: createTargetTokenStore(database),
      jobs: createJobStore(database),
      shadows: createShadowStore(database),
      deviceMetrics: createDeviceMetricsStore(database),
    },
    lost: database.lost,
    close: () => database.close(),
  };
}
