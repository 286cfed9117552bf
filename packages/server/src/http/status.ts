import type { InvalidInputError } from '@fleetward/core';
import type { KeysErrorCode } from '@fleetward/keys';
import type { PolicyError } from '@fleetward/policy';
import type { CampaignsErrorCode } from '../campaigns/index.ts';
import type { CertificatesErrorCode } from '../certificates/index.ts';
import type { DdiErrorCode } from '../ddi/index.ts';
import type { DeviceMetricsErrorCode } from '../device-metrics/index.ts';
import type { DirectorErrorCode } from '../director/index.ts';
import type { EndorsementsErrorCode } from '../endorsements/index.ts';
import type { EnrollmentErrorCode } from '../enrollment/index.ts';
import type { GroupsErrorCode } from '../groups/index.ts';
import type { IssuanceLogErrorCode } from '../issuance-log/index.ts';
import type { JobsErrorCode } from '../jobs/index.ts';
import type { OperatorErrorCode } from '../operators/index.ts';
import type { PoliciesErrorCode } from '../policies/index.ts';
import type { ProvisioningErrorCode } from '../provisioning/index.ts';
import type { ReleaseErrorCode } from '../releases/index.ts';
import type { RenewalsErrorCode } from '../renewals/index.ts';
import type { SearchErrorCode } from '../search/index.ts';
import type { ShadowsErrorCode } from '../shadows/index.ts';
import type { StoreError } from '../store-error.ts';
import type { ThingsErrorCode } from '../things/index.ts';
import type { TrailError } from '../trail/index.ts';
import type { VendorCasErrorCode } from '../vendor-cas/index.ts';
import type { HttpErrorCode } from './errors.ts';

/** A key that cannot sign now, and may later; every other failure of keys is ours alone. */
type SignerUnavailable = Extract<
  KeysErrorCode,
  'keys.hsm' | 'keys.busy' | 'keys.timeout' | 'keys.signer_gone'
>;

type KnownCode =
  | SignerUnavailable
  | HttpErrorCode
  | InvalidInputError['code']
  | StoreError['code']
  | TrailError['code']
  | ThingsErrorCode
  | GroupsErrorCode
  | SearchErrorCode
  | PolicyError['code']
  | PoliciesErrorCode
  | IssuanceLogErrorCode
  | CertificatesErrorCode
  | RenewalsErrorCode
  | EndorsementsErrorCode
  | EnrollmentErrorCode
  | ProvisioningErrorCode
  | VendorCasErrorCode
  | ShadowsErrorCode
  | DeviceMetricsErrorCode
  // The gateway's own: it stands above this layer, so its type cannot be named here.
  | 'connections.not_found'
  | OperatorErrorCode
  | ReleaseErrorCode
  | CampaignsErrorCode
  | DirectorErrorCode
  | DdiErrorCode
  | JobsErrorCode;

/** The one place where a code becomes an HTTP status. A code that is missing here does not compile. */
const statuses: Readonly<Record<KnownCode, number>> = {
  'http.bad_request': 400,
  'http.invalid_request': 400,
  'http.unauthenticated': 401,
  'http.forbidden': 403,
  'http.not_found': 404,
  'http.method_not_allowed': 405,
  'http.timeout': 408,
  'http.body_too_large': 413,
  'http.headers_too_large': 431,
  'http.unsupported_media_type': 415,
  'http.range_not_satisfiable': 416,
  'http.too_many_failures': 429,
  'http.too_many_requests': 429,
  'http.not_ready': 503,
  'http.stopping': 503,
  'http.invalid_answer': 500,
  'http.internal': 500,
  'core.invalid_id': 400,
  'core.invalid_bytes': 400,
  'core.invalid_json': 400,
  'keys.hsm': 503,
  'keys.busy': 503,
  'keys.timeout': 503,
  'keys.signer_gone': 503,
  'store.conflict': 409,
  'store.unavailable': 503,
  'store.busy': 503,
  'store.corrupt': 500,
  'store.newer': 500,
  'store.in_use': 500,
  'store.not_durable': 500,
  'store.session_shared': 500,
  'operators.setup_refused': 401,
  'operators.name_taken': 409,
  'operators.not_found': 404,
  'operators.too_many_tokens': 409,
  'operators.too_many_invitations': 409,
  'trail.payload_too_large': 413,
  'trail.signer_unfit': 500,
  'things.not_found': 404,
  'things.exists': 409,
  'things.attached': 409,
  'things.invalid': 400,
  'things.certificate_unknown': 404,
  'things.not_attached': 404,
  'things.attachment_refused': 409,
  'things.state_refused': 409,
  'things.too_many_reports': 429,
  'things.type_not_found': 404,
  'things.type_exists': 409,
  'things.type_limit': 409,
  'things.type_unmet': 409,
  'groups.not_found': 404,
  'groups.exists': 409,
  'groups.limit': 409,
  'groups.cycle': 409,
  'groups.not_empty': 409,
  'groups.dynamic': 409,
  'groups.invalid': 400,
  'groups.not_member': 404,
  'search.query_invalid': 400,
  'search.field_unknown': 400,
  'search.not_indexed': 409,
  'search.busy': 503,
  'policy.invalid': 422,
  'policy.request': 400,
  'policy.unbound': 500,
  'policies.not_found': 404,
  'policies.exists': 409,
  'policies.version_not_found': 404,
  'policies.version_limit': 409,
  'policies.default_version': 409,
  'policies.attached': 409,
  'policies.not_attached': 404,
  'policies.attachment_limit': 409,
  'policies.certificate_unknown': 404,
  'policies.stored_invalid': 500,
  'policies.nothing_recorded': 409,
  'policies.no_trial': 404,
  'policies.in_trial': 409,
  'policies.trial_limit': 409,
  'policies.trial_not_clean': 409,
  'policies.no_previous': 409,
  'policies.invalid_request': 400,
  'policies.guardrail_broken': 409,
  'policies.guardrail_undecided': 409,
  'policies.guardrail_exists': 409,
  'policies.guardrail_not_found': 404,
  'policies.guardrail_configured': 409,
  'policies.proofs_busy': 503,
  'policies.proof_timeout': 422,
  'issuance_log.not_logged': 404,
  'issuance_log.size': 400,
  'issuance_log.signer_unfit': 500,
  'issuance_log.damaged': 500,
  'certificates.not_found': 404,
  'certificates.no_issuing_ca': 503,
  'certificates.ca_not_found': 404,
  'certificates.ca_state': 409,
  'certificates.state': 409,
  'certificates.attached': 409,
  'certificates.ca_refused': 400,
  'certificates.ca_keys': 409,
  'certificates.exists': 409,
  'certificates.journal_unreadable': 500,
  'certificates.crl_failed': 503,
  'certificates.journal_failed': 503,
  'certificates.revocation_unrecorded': 503,
  'renewals.not_found': 404,
  'renewals.invalid': 400,
  'renewals.empty': 409,
  'renewals.limit': 409,
  'renewals.state': 409,
  'endorsements.refused': 400,
  'endorsements.exists': 409,
  'endorsements.not_found': 404,
  'endorsements.limit': 409,
  'enrollment.token_not_found': 404,
  'enrollment.token_invalid': 400,
  'enrollment.attempt_not_found': 404,
  'provisioning.template_invalid': 422,
  'provisioning.template_exists': 409,
  'provisioning.template_not_found': 404,
  'provisioning.template_in_use': 409,
  'provisioning.version_not_found': 404,
  'provisioning.version_limit': 409,
  'provisioning.default_version': 409,
  'provisioning.hook_refused': 400,
  'provisioning.csr_refused': 400,
  'provisioning.claim_not_found': 404,
  'provisioning.clock_unset': 503,
  'provisioning.limit': 409,
  'vendor_cas.ca_refused': 400,
  'vendor_cas.verification_refused': 400,
  'vendor_cas.code_refused': 400,
  'vendor_cas.exists': 409,
  'vendor_cas.not_found': 404,
  'vendor_cas.state': 409,
  'vendor_cas.limit': 409,
  'connections.not_found': 404,
  'director.not_attached': 404,
  'director.busy': 503,
  'releases.digest_mismatch': 422,
  'releases.artifact_too_large': 413,
  'releases.artifact_missing': 409,
  'releases.artifact_listed': 409,
  'releases.too_many_uploads': 503,
  'releases.upload_busy': 409,
  'releases.upload_offset': 409,
  'releases.metadata_refused': 422,
  'releases.record_refused': 422,
  'releases.superseded': 409,
  'releases.not_offered': 403,
  'releases.too_many_downloads': 503,
  'releases.not_found': 404,
  'releases.storage_full': 507,
  'campaigns.not_found': 404,
  'campaigns.invalid': 400,
  'campaigns.release_unknown': 404,
  'campaigns.empty': 409,
  'campaigns.limit': 409,
  'campaigns.state': 409,
  'campaigns.own_approval': 403,
  'campaigns.no_way_back': 409,
  'campaigns.action_unknown': 404,
  'shadows.invalid': 400,
  'shadows.not_found': 404,
  'shadows.version_conflict': 409,
  'shadows.too_large': 413,
  'shadows.busy': 429,
  'device_metrics.not_found': 404,
  'device_metrics.range_too_long': 400,
  'ddi.invalid': 400,
  'ddi.not_found': 404,
  'ddi.foreign_action': 403,
  'ddi.gone': 410,
  'ddi.not_cancelled': 405,
  'ddi.no_digests': 503,
  'ddi.token_not_allowed': 409,
  'ddi.token_not_found': 404,
  'jobs.not_found': 404,
  'jobs.execution_not_found': 404,
  'jobs.exists': 409,
  'jobs.invalid': 400,
  'jobs.empty': 409,
  'jobs.limit': 409,
  'jobs.state': 409,
};

/** The HTTP status of a code, or `undefined` for one that is not known and must not be told to a client. */
export function statusOf(code: string): number | undefined {
  return Object.hasOwn(statuses, code) ? statuses[code as KnownCode] : undefined;
}
