import { afterAll, beforeAll, describe } from 'vitest';
import { describeActivity } from './activity.ts';
import type { Backend, Opened } from './backend.ts';
import { describeCampaigns } from './campaigns.ts';
import { describeCertificates } from './certificates.ts';
import { describeDeviceMetrics } from './device-metrics.ts';
import { describeEndorsements } from './endorsements.ts';
import { describeEnrollment } from './enrollment.ts';
import { describeGroups } from './groups.ts';
import { describeIssuanceLog } from './issuance-log.ts';
import { describeJobs } from './jobs.ts';
import { describeOperators } from './operators.ts';
import { describePolicies } from './policies.ts';
import { describePresence } from './presence.ts';
import { describeProvisioning } from './provisioning.ts';
import { describeReleases } from './releases.ts';
import { describeRenewals } from './renewals.ts';
import { describeSchema } from './schema.ts';
import { describeShadows } from './shadows.ts';
import { describeTargetTokens } from './target-tokens.ts';
import { describeThingTypes } from './thing-types.ts';
import { describeThings } from './things.ts';
import { describeTrailStore } from './trail.ts';
import { describeTransactions } from './transactions.ts';
import { describeVendorCas } from './vendor-cas.ts';

const suites: Readonly<Record<string, (opened: () => Opened) => void>> = {
  transactions: describeTransactions,
  schema: describeSchema,
  trail: describeTrailStore,
  operators: describeOperators,
  things: describeThings,
  'thing types': describeThingTypes,
  presence: describePresence,
  groups: describeGroups,
  activity: describeActivity,
  policies: describePolicies,
  'issuance log': describeIssuanceLog,
  certificates: describeCertificates,
  renewals: describeRenewals,
  enrollment: describeEnrollment,
  provisioning: describeProvisioning,
  endorsements: describeEndorsements,
  'vendor CAs': describeVendorCas,
  releases: describeReleases,
  campaigns: describeCampaigns,
  'target tokens': describeTargetTokens,
  jobs: describeJobs,
  shadows: describeShadows,
  'device metrics': describeDeviceMetrics,
};

/** Every promise of the stores, kept by `backend`. */
export function describeStores(backend: Backend): void {
  for (const [name, describeSuite] of Object.entries(suites)) {
    describe(name, () => {
      let current: Opened | undefined;
      let remove: () => Promise<void> = async () => {};
      beforeAll(async () => {
        const home = await backend();
        const { stores, transactor, close } = await home.open();
        remove = async () => {
          await close();
          await home.remove();
        };
        current = { stores, reopen: home.open, transact: (work) => transactor.transact(work) };
      });
      afterAll(() => remove());
      describeSuite(() => {
        if (current === undefined) throw new Error('the storage is opened before each suite');
        return current;
      });
    });
  }
}
