import type { CertificateId, GroupName, PolicyName, Sha256, ThingName } from '@fleetward/core';
import type { Action, Campaign } from '../campaigns/store.ts';
import type {
  AuthorityRecord,
  CertificateProfile,
  CertificateState,
  RevocationReason,
} from '../certificates/store.ts';
import type { EnrollmentAttempt, JoinToken } from '../enrollment/store.ts';
import type { Job, JobExecution } from '../jobs/store.ts';
import type { VisitEnd } from '../presence/store.ts';
import type { RenewalCampaign, RenewalMember } from '../renewals/store.ts';
import type { Thing } from '../things/store.ts';
import type { VendorCaState } from '../vendor-cas/store.ts';

/**
 * The tables as the newest migration leaves them. Times are integer milliseconds since the epoch, JSON is text, bytes are
 * blobs. A domain owns its tables: foreign keys stay inside one domain, and consistency across domains is the services' work.
 */
export interface Schema {
  readonly schema_migrations: { readonly version: number; readonly name: string };
  readonly trail_heads: { readonly node: string; readonly seq: number; readonly hash: Sha256 };
  readonly trail_entries: TrailEntryRow;
  readonly trail_payloads: {
    readonly node: string;
    readonly seq: number;
    readonly salt: string;
    readonly payload: string;
  };
  readonly trail_checkpoints: {
    readonly node: string;
    readonly seq: number;
    readonly hash: Sha256;
    readonly at_ms: number;
    readonly signature: string;
  };
  readonly setup_tokens: {
    readonly hash: Sha256;
    readonly created_at_ms: number;
    readonly expires_at_ms: number;
    readonly used_at_ms: number | null;
    /** Both for an invitation. */
    readonly operator_name: string | null;
    readonly invited_by: string | null;
  };
  readonly operators: {
    readonly operator_id: string;
    readonly name: string;
    readonly created_at_ms: number;
    readonly invited_by: string | null;
  };
  readonly operator_tokens: OperatorTokenRow;
  readonly things: ThingRow;
  readonly thing_certificates: {
    readonly thing_name: ThingName;
    readonly certificate_id: CertificateId;
    /** 0 or 1: SQLite has no booleans. */
    readonly exclusive: number;
  };
  /** Of certificates that were detached. */
  readonly past_thing_certificates: {
    readonly thing_name: ThingName;
    readonly certificate_id: CertificateId;
  };
  readonly device_reports: {
    readonly thing_name: ThingName;
    readonly received_at_ms: number;
    readonly report: string;
  };
  readonly thing_groups: {
    readonly name: GroupName;
    readonly parent_name: GroupName | null;
    readonly query: string | null;
    readonly tags: string;
    readonly created_at_ms: number;
  };
  readonly group_things: { readonly group_name: GroupName; readonly thing_name: ThingName };
  readonly thing_types: {
    readonly name: string;
    /** JSON array of names. */
    readonly required_attributes: string;
    readonly tags: string;
    readonly created_at_ms: number;
  };
  readonly thing_presence: {
    readonly thing_name: ThingName;
    /** 0 or 1. */
    readonly is_connected: number;
    readonly at_ms: number;
    /** These five of its newest connection. */
    readonly client_id: string | null;
    readonly session_id: string | null;
    readonly remote_address: string | null;
    readonly tls_version: string | null;
    readonly cipher: string | null;
    readonly end_reason: VisitEnd['reason'] | null;
    readonly ended_at_ms: number | null;
    readonly flapping_until_ms: number | null;
  };
  readonly thing_activity: {
    readonly thing_name: ThingName;
    /** JSON array of the sketch's entries. */
    readonly entries: string;
    /** 0 or 1. */
    readonly is_sampled: number;
    readonly last_seen_ms: number;
  };
  readonly policies: {
    readonly name: PolicyName;
    readonly default_version_id: number;
    readonly previous_version_id: number | null;
    /** The highest ever given out, so that removed versions are not reused. */
    readonly last_version_id: number;
    readonly created_at_ms: number;
  };
  readonly policy_versions: {
    readonly name: PolicyName;
    readonly version_id: number;
    readonly document: string;
    readonly created_at_ms: number;
  };
  readonly policy_attachments: { readonly policy_name: PolicyName; readonly certificate_id: CertificateId };
  readonly policy_trials: {
    readonly policy_name: PolicyName;
    readonly version_id: number;
    readonly started_at_ms: number;
    /** JSON. */
    readonly state: string;
  };
  readonly policy_group_attachments: { readonly policy_name: PolicyName; readonly group_name: GroupName };
  readonly guardrails: {
    readonly name: string;
    /** None: every policy. */
    readonly policy_name: PolicyName | null;
    /** JSON, as the API takes it. */
    readonly property: string;
    readonly created_at_ms: number;
  };
  readonly certificates: CertificateRow;
  readonly authorities: {
    readonly certificate_id: CertificateId;
    readonly kind: AuthorityRecord['kind'];
    readonly der: Uint8Array;
    readonly key_name: string;
    readonly state: AuthorityRecord['state'];
    readonly created_at_ms: number;
  };
  readonly crls: {
    readonly issuer_id: CertificateId;
    readonly number: number;
    readonly der: Uint8Array;
    readonly this_update_ms: number;
    readonly next_update_ms: number;
  };
  /** One row, whose lock orders the writers. */
  readonly issuance_log_size: { readonly log: number; readonly size: number };
  readonly issuance_log_entries: {
    readonly log_index: number;
    readonly at_ms: number;
    readonly certificate_id: CertificateId;
  };
  readonly issuance_log_nodes: {
    readonly level: number;
    readonly position: number;
    readonly hash: Uint8Array;
  };
  readonly issuance_log_waiting: { readonly since_ms: number; readonly certificate_id: CertificateId };
  readonly issuance_log_heads: {
    readonly size: number;
    readonly root_hash: Sha256;
    readonly at_ms: number;
    readonly signature: string;
  };
  readonly join_tokens: JoinTokenRow;
  readonly join_token_uses: {
    readonly token_id: string;
    readonly public_key_hash: string;
    readonly certificate_id: CertificateId;
  };
  readonly enrollment_attempts: EnrollmentAttemptRow;
  readonly renewal_campaigns: RenewalCampaignRow;
  readonly renewal_members: RenewalMemberRow;
  readonly campaigns: CampaignRow;
  readonly campaign_actions: CampaignActionRow;
  readonly jobs: JobRow;
  readonly job_executions: JobExecutionRow;
  readonly target_tokens: {
    readonly thing_name: ThingName;
    readonly hash: Sha256;
    readonly created_at_ms: number;
    readonly created_by: string;
  };
  readonly shadows: {
    /** `THING/NAME`; the classic shadow's name is empty. */
    readonly shadow_key: string;
    readonly version: number;
    /** What is kept of it as JSON; null: it is deleted, and its version counts on. */
    readonly document: string | null;
    readonly updated_at_ms: number;
  };
  readonly device_metric_reports: {
    readonly thing_name: ThingName;
    readonly report_id: number;
    readonly received_at_ms: number;
    readonly bytes: number;
    /** JSON: what it says in single numbers, and the whole. */
    readonly numbers: string;
    readonly report: string;
  };
  readonly device_metric_heads: {
    readonly thing_name: ThingName;
    /** Of the newest report that was accepted. */
    readonly report_id: number;
    readonly received_at_ms: number;
    /** Of those that are kept. */
    readonly reports: number;
    readonly bytes: number;
  };
  readonly provisioning_templates: {
    readonly name: string;
    readonly default_version_id: number;
    /** The highest ever given out, so that removed versions are not reused. */
    readonly last_version_id: number;
    /** 0 or 1, as below. */
    readonly is_enabled: number;
    readonly may_rejoin: number;
    readonly hook_url: string | null;
    readonly created_at_ms: number;
  };
  readonly provisioning_template_versions: {
    readonly name: string;
    readonly version_id: number;
    readonly body: string;
    readonly created_at_ms: number;
  };
  readonly provisioning_claims: {
    readonly certificate_id: CertificateId;
    readonly template_name: string;
    readonly created_at_ms: number;
    readonly expires_at_ms: number;
    readonly created_by: string;
    readonly uses_max: number | null;
    readonly uses_left: number | null;
    readonly thing_name: ThingName | null;
  };
  readonly provisioning_tokens: {
    readonly hash: Sha256;
    readonly certificate_id: CertificateId;
    readonly claim_id: CertificateId;
    readonly expires_at_ms: number;
  };
  readonly vendor_cas: {
    readonly certificate_id: CertificateId;
    readonly der: Uint8Array;
    readonly public_key_hash: string;
    readonly state: VendorCaState;
    readonly template_name: string | null;
    readonly created_at_ms: number;
    readonly created_by: string;
  };
  readonly vendor_ca_codes: {
    readonly hash: Sha256;
    readonly created_at_ms: number;
    readonly expires_at_ms: number;
    readonly created_by: string;
  };
  readonly endorsements: {
    readonly endorsement_id: Sha256;
    /** Of a root. */
    readonly der: Uint8Array | null;
    readonly created_at_ms: number;
    readonly created_by: string;
  };
  readonly provisioned_answers: {
    /** Of the ownership token. */
    readonly hash: Sha256;
    readonly certificate_id: CertificateId;
    readonly claim_id: CertificateId;
    readonly request_hash: Sha256;
    /** JSON. */
    readonly answer: string;
    readonly expires_at_ms: number;
  };
  readonly metadata_files: {
    readonly name: string;
    readonly version: number;
    readonly bytes: Uint8Array;
    readonly stored_at_ms: number;
  };
  readonly artifacts: {
    readonly sha256: Sha256;
    readonly length_bytes: number;
    readonly stored_at_ms: number;
    readonly sha1: string | null;
    readonly md5: string | null;
  };
}

export interface TrailEntryRow {
  readonly node: string;
  readonly seq: number;
  readonly prev: Sha256;
  readonly at_ms: number;
  readonly kind: string;
  readonly payload_hash: Sha256;
}

export interface OperatorTokenRow {
  readonly token_id: string;
  readonly operator_id: string;
  readonly hash: Sha256;
  readonly created_at_ms: number;
  readonly expires_at_ms: number;
  readonly revoked_at_ms: number | null;
}

export interface ThingRow {
  readonly name: ThingName;
  readonly type_name: string | null;
  readonly attributes: string;
  readonly tags: string;
  readonly state: Thing['state'];
  readonly created_at_ms: number;
}

export interface CertificateRow {
  readonly certificate_id: CertificateId;
  readonly serial: string;
  readonly issuer_id: CertificateId;
  readonly profile: CertificateProfile;
  readonly der: Uint8Array;
  readonly subject: string;
  readonly state: CertificateState;
  readonly not_before_ms: number;
  readonly not_after_ms: number;
  readonly issued_at_ms: number;
  readonly public_key_hash: string;
  readonly revoked_at_ms: number | null;
  readonly revocation_reason: RevocationReason | null;
  readonly state_before_hold: CertificateState | null;
  readonly deleted_at_ms: number | null;
  readonly renews: CertificateId | null;
  readonly cas_fetched_at_ms: number | null;
}

export interface JoinTokenRow {
  readonly token_id: string;
  readonly hash: Sha256;
  readonly name_pattern: string;
  /** JSON array of policy names. */
  readonly policies: string;
  readonly uses_max: number;
  readonly uses_left: number;
  readonly created_at_ms: number;
  readonly expires_at_ms: number;
  readonly created_by: string;
  readonly revoked_at_ms: number | null;
  readonly profile: JoinToken['profile'];
  readonly group_name: GroupName | null;
}

export interface EnrollmentAttemptRow {
  readonly attempt_id: string;
  readonly at_ms: number;
  readonly remote_address: string;
  readonly outcome: EnrollmentAttempt['outcome'];
  readonly reason: string;
  readonly explanation: string;
  readonly token_id: string | null;
  readonly thing_name: ThingName | null;
  readonly certificate_id: CertificateId | null;
  readonly operation: string;
  /** JSON array. */
  readonly steps: string;
}

export interface RenewalCampaignRow {
  readonly campaign_id: string;
  /** JSON. */
  readonly selection: string;
  readonly state: RenewalCampaign['state'];
  readonly rate_per_minute: number;
  readonly paced_from_ms: number;
  readonly members: number;
  readonly created_at_ms: number;
  readonly created_by: string;
  readonly ended_at_ms: number | null;
}

export interface RenewalMemberRow {
  readonly campaign_id: string;
  readonly certificate_id: CertificateId;
  readonly thing_name: ThingName;
  readonly state: RenewalMember['state'];
  readonly at_ms: number | null;
}

export interface CampaignRow {
  readonly campaign_id: string;
  /** JSON. */
  readonly definition: string;
  readonly state: Campaign['state'];
  readonly stage: number;
  readonly paced_from_ms: number;
  /** JSON. */
  readonly because: string | null;
  readonly created_at_ms: number;
  readonly created_by: string;
  readonly approved_by: string | null;
  readonly started_at_ms: number | null;
  readonly ended_at_ms: number | null;
}

export interface CampaignActionRow {
  readonly action_id: number;
  readonly campaign_id: string;
  readonly thing_name: ThingName;
  readonly state: Action['state'];
  readonly since_ms: number;
  readonly stage: number | null;
  readonly attempts: number;
  readonly offered_at_ms: number | null;
  readonly not_before_ms: number | null;
  readonly from_version: string | null;
  readonly from_sha256: string | null;
  readonly cause: string | null;
  readonly explanation: string | null;
}

export interface JobRow {
  readonly job_id: string;
  /** JSON. */
  readonly definition: string;
  /** JSON. */
  readonly document: string;
  readonly state: Job['state'];
  /** 0 or 1. */
  readonly is_forced: number;
  readonly paced_from_ms: number;
  readonly because: string | null;
  readonly created_at_ms: number;
  readonly created_by: string;
  readonly ended_at_ms: number | null;
}

export interface JobExecutionRow {
  readonly job_id: string;
  readonly thing_name: ThingName;
  readonly position: number;
  readonly status: JobExecution['status'];
  /** JSON. */
  readonly status_details: string;
  readonly execution_number: number;
  readonly version_number: number;
  readonly failures: number;
  readonly time_outs: number;
  readonly queued_at_ms: number;
  readonly started_at_ms: number | null;
  readonly updated_at_ms: number;
  readonly step_due_ms: number | null;
}
