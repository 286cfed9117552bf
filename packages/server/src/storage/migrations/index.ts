import type { Kysely, SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import type { Schema } from '../schema.ts';
import { spine } from './0001-spine.ts';
import { groups } from './0002-groups.ts';
import { activity } from './0003-activity.ts';
import { guardrails } from './0004-guardrails.ts';
import { policyTrials } from './0005-policy-trials.ts';
import { attemptSteps } from './0006-attempt-steps.ts';
import { certificateProfiles } from './0007-certificate-profiles.ts';
import { certificateHolds } from './0008-certificate-holds.ts';
import { issuanceLog } from './0009-issuance-log.ts';
import { joinTokenTerms } from './0010-join-token-terms.ts';
import { renewalCampaigns } from './0011-renewal-campaigns.ts';
import { deletedCertificates } from './0012-deleted-certificates.ts';
import { provisioning } from './0013-provisioning.ts';
import { pastAttachments } from './0014-past-attachments.ts';
import { claimBounds } from './0015-claim-bounds.ts';
import { artifactDigests } from './0016-artifact-digests.ts';
import { vendorCas } from './0017-vendor-cas.ts';
import { renewedCertificates } from './0018-renewed-certificates.ts';
import { campaigns } from './0019-campaigns.ts';
import { provisionedAnswers } from './0020-provisioned-answers.ts';
import { fetchedCas } from './0021-fetched-cas.ts';
import { cheaperIssuing } from './0022-cheaper-issuing.ts';
import { targetTokens } from './0023-target-tokens.ts';
import { operatorInvitations } from './0024-operator-invitations.ts';
import { jobs } from './0025-jobs.ts';
import { lifecycle } from './0026-lifecycle.ts';
import { shadows } from './0027-shadows.ts';
import { dynamicGroups } from './0028-dynamic-groups.ts';
import { presence } from './0029-presence.ts';
import { deviceMetrics } from './0030-device-metrics.ts';
import { thingTypes } from './0031-thing-types.ts';
import { endorsements } from './0032-endorsements.ts';

/** One step forward; there is no way back. A released migration never changes. */
export interface Migration {
  readonly name: string;
  /** `queries` for what moves rows: tables may have had other columns than `Schema` says now. */
  readonly up: (schema: SchemaModule, types: ColumnTypes, queries: Kysely<Schema>) => Promise<void>;
}

/** In order: the first is version 1. */
export const migrations: readonly Migration[] = [
  spine,
  groups,
  activity,
  guardrails,
  policyTrials,
  attemptSteps,
  certificateProfiles,
  certificateHolds,
  issuanceLog,
  joinTokenTerms,
  renewalCampaigns,
  deletedCertificates,
  provisioning,
  pastAttachments,
  claimBounds,
  artifactDigests,
  vendorCas,
  renewedCertificates,
  campaigns,
  provisionedAnswers,
  fetchedCas,
  cheaperIssuing,
  targetTokens,
  operatorInvitations,
  jobs,
  lifecycle,
  shadows,
  dynamicGroups,
  presence,
  deviceMetrics,
  thingTypes,
  endorsements,
];
