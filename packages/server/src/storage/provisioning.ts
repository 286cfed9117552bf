import type {
  Claim,
  KeptAnswer,
  OwnershipToken,
  ProvisioningStore,
  TemplateRecord,
  TemplateVersion,
} from '../provisioning/store.ts';
import type { Database } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, pageLimit, pageRowsMax, storedJson } from './paging.ts';
import type { Schema } from './schema.ts';

type TemplateRow = Schema['provisioning_templates'];
type VersionRow = Schema['provisioning_template_versions'];
type ClaimRow = Schema['provisioning_claims'];
type TokenRow = Schema['provisioning_tokens'];

const templateColumns = [
  'name',
  'default_version_id',
  'last_version_id',
  'is_enabled',
  'may_rejoin',
  'hook_url',
  'created_at_ms',
] as const;

/** Provisioning templates, claims, and the tokens of certificates that wait to be provisioned, in the records. */
export function createProvisioningStore(database: Database): ProvisioningStore {
  return {
    ...templateQueries(database),
    ...claimQueries(database),
    ...tokenQueries(database),
    ...answerQueries(database),
  };
}

type TemplateQueries = Pick<
  ProvisioningStore,
  | 'addTemplate'
  | 'updateTemplate'
  | 'removeTemplate'
  | 'templates'
  | 'addVersion'
  | 'versions'
  | 'lastVersionId'
  | 'removeVersion'
>;

function templateQueries({ reads }: Database): TemplateQueries {
  return {
    addTemplate: async (tx, template, version) => {
      const queries = queriesOf(tx);
      const row = { ...templateRow(template), last_version_id: version.versionId };
      await queries.insertInto('provisioning_templates').values(row).execute();
      await queries.insertInto('provisioning_template_versions').values(versionRow(version)).execute();
    },
    updateTemplate: async (tx, template) => {
      const { name, created_at_ms: _, ...changed } = templateRow(template);
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('provisioning_templates')
        .set(changed)
        .where('name', '=', name)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    removeTemplate: async (tx, name) => {
      const queries = queriesOf(tx);
      await queries.deleteFrom('provisioning_template_versions').where('name', '=', name).execute();
      const { numDeletedRows } = await queries
        .deleteFrom('provisioning_templates')
        .where('name', '=', name)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    templates: async () => {
      const rows = await allRows((after: TemplateRow | undefined) => {
        const page = reads
          .selectFrom('provisioning_templates')
          .select(templateColumns)
          .orderBy('name')
          .limit(pageRowsMax);
        return (after === undefined ? page : page.where('name', '>', after.name)).execute();
      });
      return rows.map(toTemplate);
    },
    addVersion: async (tx, version) => {
      const queries = queriesOf(tx);
      await queries.insertInto('provisioning_template_versions').values(versionRow(version)).execute();
      await queries
        .updateTable('provisioning_templates')
        .set({ last_version_id: version.versionId })
        .where('name', '=', version.name)
        .execute();
    },
    versions: async (name, tx) => {
      const rows = await (tx === undefined ? reads : queriesOf(tx))
        .selectFrom('provisioning_template_versions')
        .select(['name', 'version_id', 'body', 'created_at_ms'])
        .where('name', '=', name)
        .orderBy('version_id')
        .limit(pageRowsMax)
        .execute();
      return rows.map(toVersion);
    },
    lastVersionId: async (tx, name) => {
      const row = await queriesOf(tx)
        .selectFrom('provisioning_templates')
        .select('last_version_id')
        .where('name', '=', name)
        .executeTakeFirst();
      return row?.last_version_id ?? 0;
    },
    removeVersion: async (tx, { name, versionId }) => {
      const { numDeletedRows } = await queriesOf(tx)
        .deleteFrom('provisioning_template_versions')
        .where('name', '=', name)
        .where('version_id', '=', versionId)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
  };
}

const claimColumns = [
  'certificate_id',
  'template_name',
  'created_at_ms',
  'expires_at_ms',
  'created_by',
  'uses_max',
  'uses_left',
  'thing_name',
] as const;

function claimQueries({
  reads,
}: Database): Pick<ProvisioningStore, 'addClaim' | 'claims' | 'useClaim' | 'removeEndedClaims'> {
  return {
    addClaim: async (tx, claim) => {
      await queriesOf(tx).insertInto('provisioning_claims').values(claimRow(claim)).execute();
    },
    claims: async () => {
      const rows = await allRows((after: ClaimRow | undefined) => {
        const page = reads
          .selectFrom('provisioning_claims')
          .select(claimColumns)
          .orderBy('certificate_id')
          .limit(pageRowsMax);
        return (
          after === undefined ? page : page.where('certificate_id', '>', after.certificate_id)
        ).execute();
      });
      return rows.map(toClaim);
    },
    useClaim: async (tx, certificateId) => {
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('provisioning_claims')
        .set((eb) => ({ uses_left: eb('uses_left', '-', 1) }))
        .where('certificate_id', '=', certificateId)
        .where((eb) => eb.or([eb('uses_left', '>', 0), eb('uses_left', 'is', null)]))
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    removeEndedClaims: async (tx, atMs) => {
      await queriesOf(tx).deleteFrom('provisioning_claims').where('expires_at_ms', '<=', atMs).execute();
    },
  };
}

type TokenQueries = Pick<
  ProvisioningStore,
  'addToken' | 'findToken' | 'findTokenOf' | 'takeToken' | 'endedTokens' | 'countTokens'
>;

const tokenColumns = ['hash', 'certificate_id', 'claim_id', 'expires_at_ms'] as const;

function tokenQueries({ reads }: Database): TokenQueries {
  return {
    addToken: async (tx, token) => {
      await queriesOf(tx).insertInto('provisioning_tokens').values(tokenRow(token)).execute();
    },
    findToken: async (hash) => {
      const row = await reads
        .selectFrom('provisioning_tokens')
        .select(tokenColumns)
        .where('hash', '=', hash)
        .executeTakeFirst();
      return row && toToken(row);
    },
    findTokenOf: async ({ certificateId, claimId }) => {
      const row = await reads
        .selectFrom('provisioning_tokens')
        .select(tokenColumns)
        .where('claim_id', '=', claimId)
        .where('certificate_id', '=', certificateId)
        .executeTakeFirst();
      return row && toToken(row);
    },
    takeToken: async (tx, hash) => {
      const { numDeletedRows } = await queriesOf(tx)
        .deleteFrom('provisioning_tokens')
        .where('hash', '=', hash)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    endedTokens: async ({ atMs, limit }) => {
      const rows = await reads
        .selectFrom('provisioning_tokens')
        .select(tokenColumns)
        .where('expires_at_ms', '<=', atMs)
        .orderBy('expires_at_ms')
        .limit(pageLimit(limit))
        .execute();
      return rows.map(toToken);
    },
    countTokens: async (claimId) => {
      const { count } = await reads
        .selectFrom('provisioning_tokens')
        .select((eb) => eb.fn.countAll<number | string | bigint>().as('count'))
        .where('claim_id', '=', claimId)
        .executeTakeFirstOrThrow();
      return Number(count);
    },
  };
}

function answerQueries({
  reads,
}: Database): Pick<ProvisioningStore, 'addAnswer' | 'findAnswer' | 'removeEndedAnswers'> {
  return {
    addAnswer: async (tx, { hash, certificateId, claimId, requestHash, expiresAtMs, ...answer }) => {
      const row = {
        hash,
        certificate_id: certificateId,
        claim_id: claimId,
        request_hash: requestHash,
        answer: JSON.stringify(answer),
        expires_at_ms: expiresAtMs,
      };
      await queriesOf(tx).insertInto('provisioned_answers').values(row).execute();
    },
    findAnswer: async (hash) => {
      const row = await reads
        .selectFrom('provisioned_answers')
        .select(['hash', 'certificate_id', 'claim_id', 'request_hash', 'answer', 'expires_at_ms'])
        .where('hash', '=', hash)
        .executeTakeFirst();
      return (
        row && {
          ...storedJson(row.answer, isAnswer),
          hash: row.hash,
          certificateId: row.certificate_id,
          claimId: row.claim_id,
          requestHash: row.request_hash,
          expiresAtMs: row.expires_at_ms,
        }
      );
    },
    removeEndedAnswers: async (tx, atMs) => {
      await queriesOf(tx).deleteFrom('provisioned_answers').where('expires_at_ms', '<=', atMs).execute();
    },
  };
}

function isAnswer(value: unknown): value is Pick<KeptAnswer, 'thingName' | 'deviceConfiguration'> {
  return (
    typeof value === 'object' && value !== null && 'thingName' in value && 'deviceConfiguration' in value
  );
}

function templateRow(template: TemplateRecord): Omit<TemplateRow, 'last_version_id'> {
  return {
    name: template.name,
    default_version_id: template.defaultVersionId,
    is_enabled: template.isEnabled ? 1 : 0,
    may_rejoin: template.mayRejoin ? 1 : 0,
    hook_url: template.hookUrl ?? null,
    created_at_ms: template.createdAtMs,
  };
}

function toTemplate(row: TemplateRow): TemplateRecord {
  return {
    name: row.name,
    defaultVersionId: row.default_version_id,
    isEnabled: row.is_enabled === 1,
    mayRejoin: row.may_rejoin === 1,
    ...(row.hook_url === null ? {} : { hookUrl: row.hook_url }),
    createdAtMs: row.created_at_ms,
  };
}

function versionRow({ name, versionId, body, createdAtMs }: TemplateVersion): VersionRow {
  return { name, version_id: versionId, body, created_at_ms: createdAtMs };
}

function toVersion(row: VersionRow): TemplateVersion {
  return { name: row.name, versionId: row.version_id, body: row.body, createdAtMs: row.created_at_ms };
}

function claimRow(claim: Claim): ClaimRow {
  return {
    certificate_id: claim.certificateId,
    template_name: claim.templateName,
    created_at_ms: claim.createdAtMs,
    expires_at_ms: claim.expiresAtMs,
    created_by: claim.createdBy,
    uses_max: claim.uses?.max ?? null,
    uses_left: claim.uses?.left ?? null,
    thing_name: claim.thingName ?? null,
  };
}

function toClaim(row: ClaimRow): Claim {
  return {
    certificateId: row.certificate_id,
    templateName: row.template_name,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    createdBy: row.created_by,
    ...(row.uses_max === null || row.uses_left === null
      ? {}
      : { uses: { max: row.uses_max, left: row.uses_left } }),
    ...(row.thing_name === null ? {} : { thingName: row.thing_name }),
  };
}

function tokenRow({ hash, certificateId, claimId, expiresAtMs }: OwnershipToken): TokenRow {
  return { hash, certificate_id: certificateId, claim_id: claimId, expires_at_ms: expiresAtMs };
}

function toToken(row: TokenRow): OwnershipToken {
  return {
    hash: row.hash,
    certificateId: row.certificate_id,
    claimId: row.claim_id,
    expiresAtMs: row.expires_at_ms,
  };
}
