import type {
  PolicyAttachment,
  PolicyRecord,
  PolicyStore,
  PolicyTrial,
  PolicyVersion,
  TrialState,
} from '../policies/store.ts';
import { StoreError } from '../store-error.ts';
import { type Database, readsOf } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, pageRowsMax, storedJson } from './paging.ts';
import type { Schema } from './schema.ts';

const policyColumns = ['name', 'default_version_id', 'previous_version_id', 'created_at_ms'] as const;
type PolicyRow = Pick<Schema['policies'], (typeof policyColumns)[number]>;
type VersionRow = Schema['policy_versions'];
type AttachmentRow = Schema['policy_attachments'];
type GuardrailRow = Schema['guardrails'];
type TrialRow = Schema['policy_trials'];
type GroupAttachmentRow = Schema['policy_group_attachments'];

/** Policies, their versions and attachments in the records. */
export function createPolicyStore(database: Database): PolicyStore {
  const { reads } = database;
  return {
    add: async (tx, policy, version) => {
      const queries = queriesOf(tx);
      await queries
        .insertInto('policies')
        .values({
          name: policy.name,
          default_version_id: policy.defaultVersionId,
          previous_version_id: null,
          last_version_id: version.versionId,
          created_at_ms: policy.createdAtMs,
        })
        .execute();
      await queries.insertInto('policy_versions').values(versionRow(version)).execute();
    },
    find: async (name, tx) => {
      const row = await readsOf(database, tx)
        .selectFrom('policies')
        .select(policyColumns)
        .where('name', '=', name)
        .executeTakeFirst();
      return row && toPolicy(row);
    },
    list: async () => {
      const rows = await allRows((after: PolicyRow | undefined) => {
        const page = reads.selectFrom('policies').select(policyColumns).orderBy('name').limit(pageRowsMax);
        return (after === undefined ? page : page.where('name', '>', after.name)).execute();
      });
      return rows.map(toPolicy);
    },
    addVersion: async (tx, version) => {
      const queries = queriesOf(tx);
      await queries.insertInto('policy_versions').values(versionRow(version)).execute();
      await queries
        .updateTable('policies')
        .set({ last_version_id: version.versionId })
        .where('name', '=', version.name)
        .where('last_version_id', '<', version.versionId)
        .execute();
    },
    versions: async (name, tx) => {
      const rows = await readsOf(database, tx)
        .selectFrom('policy_versions')
        .select(['name', 'version_id', 'document', 'created_at_ms'])
        .where('name', '=', name)
        .orderBy('version_id')
        .limit(pageRowsMax)
        .execute();
      return rows.map(toVersion);
    },
    lastVersionId: async (tx, name) => {
      // An update, not a select: it locks the row, so that two writers cannot both take the next id.
      const row = await queriesOf(tx)
        .updateTable('policies')
        .set((eb) => ({ last_version_id: eb.ref('last_version_id') }))
        .where('name', '=', name)
        .returning('last_version_id')
        .executeTakeFirst();
      return row?.last_version_id ?? 0;
    },
    removeVersion: async (tx, { name, versionId }) => {
      await queriesOf(tx)
        .updateTable('policies')
        .set({ previous_version_id: null })
        .where('name', '=', name)
        .where('previous_version_id', '=', versionId)
        .execute();
      const { numDeletedRows } = await queriesOf(tx)
        .deleteFrom('policy_versions')
        .where('name', '=', name)
        .where('version_id', '=', versionId)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    setDefaultVersion: async (tx, { name, versionId }) => {
      await queriesOf(tx)
        .updateTable('policies')
        .set((eb) => ({ previous_version_id: eb.ref('default_version_id') }))
        .where('name', '=', name)
        .where('default_version_id', '!=', versionId)
        .execute();
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('policies')
        .set({ default_version_id: versionId })
        .where('name', '=', name)
        .where(({ exists, selectFrom }) =>
          exists(
            selectFrom('policy_versions')
              .select('version_id')
              .where('name', '=', name)
              .where('version_id', '=', versionId),
          ),
        )
        .executeTakeFirst();
      if (numUpdatedRows === 1n) return;
      throw new StoreError('store.conflict', `policy \`${name}\` has no version \`${versionId}\``);
    },
    remove: async (tx, name) => {
      const queries = queriesOf(tx);
      await queries.deleteFrom('policy_versions').where('name', '=', name).execute();
      const { numDeletedRows } = await queries
        .deleteFrom('policies')
        .where('name', '=', name)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    attach: async (tx, { policyName, certificateId }) => {
      await queriesOf(tx)
        .insertInto('policy_attachments')
        .values({ policy_name: policyName, certificate_id: certificateId })
        .onConflict((conflict) => conflict.columns(['policy_name', 'certificate_id']).doNothing())
        .execute();
    },
    detach: async (tx, { policyName, certificateId }) => {
      const { numDeletedRows } = await queriesOf(tx)
        .deleteFrom('policy_attachments')
        .where('policy_name', '=', policyName)
        .where('certificate_id', '=', certificateId)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    attachments: async () => {
      const rows = await allRows((after: AttachmentRow | undefined) => {
        const page = reads
          .selectFrom('policy_attachments')
          .select(['policy_name', 'certificate_id'])
          .orderBy('policy_name')
          .orderBy('certificate_id')
          .limit(pageRowsMax);
        if (after === undefined) return page.execute();
        return page
          .where((eb) =>
            eb(
              eb.refTuple('policy_name', 'certificate_id'),
              '>',
              eb.tuple(after.policy_name, after.certificate_id),
            ),
          )
          .execute();
      });
      return rows.map(toAttachment);
    },
    attachToGroup: async (tx, { policyName, groupName }) => {
      await queriesOf(tx)
        .insertInto('policy_group_attachments')
        .values({ policy_name: policyName, group_name: groupName })
        .onConflict((conflict) => conflict.columns(['policy_name', 'group_name']).doNothing())
        .execute();
    },
    detachFromGroup: async (tx, { policyName, groupName }) => {
      const { numDeletedRows } = await queriesOf(tx)
        .deleteFrom('policy_group_attachments')
        .where('policy_name', '=', policyName)
        .where('group_name', '=', groupName)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    groupAttachments: async () => {
      const rows = await allRows((after: GroupAttachmentRow | undefined) => {
        const page = reads
          .selectFrom('policy_group_attachments')
          .select(['policy_name', 'group_name'])
          .orderBy('policy_name')
          .orderBy('group_name')
          .limit(pageRowsMax);
        if (after === undefined) return page.execute();
        return page
          .where((eb) =>
            eb(eb.refTuple('policy_name', 'group_name'), '>', eb.tuple(after.policy_name, after.group_name)),
          )
          .execute();
      });
      return rows.map((row) => ({ policyName: row.policy_name, groupName: row.group_name }));
    },
    addGuardrail: async (tx, guardrail) => {
      await queriesOf(tx)
        .insertInto('guardrails')
        .values({
          name: guardrail.name,
          policy_name: guardrail.policyName ?? null,
          property: guardrail.property,
          created_at_ms: guardrail.createdAtMs,
        })
        .execute();
    },
    removeGuardrail: async (tx, name) => {
      const { numDeletedRows } = await queriesOf(tx)
        .deleteFrom('guardrails')
        .where('name', '=', name)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    guardrails: async () => {
      const rows = await allRows((after: GuardrailRow | undefined) => {
        const page = reads
          .selectFrom('guardrails')
          .select(['name', 'policy_name', 'property', 'created_at_ms'])
          .orderBy('name')
          .limit(pageRowsMax);
        return (after === undefined ? page : page.where('name', '>', after.name)).execute();
      });
      return rows.map((row) => ({
        name: row.name,
        ...(row.policy_name === null ? {} : { policyName: row.policy_name }),
        property: row.property,
        createdAtMs: row.created_at_ms,
      }));
    },
    ...trialStore(database),
  };
}

/** Trials of versions, as part of the policy store. */
function trialStore({
  reads,
}: Database): Pick<PolicyStore, 'startTrial' | 'saveTrial' | 'endTrial' | 'trials'> {
  return {
    startTrial: async (tx, trial) => {
      const row = trialRow(trial);
      await queriesOf(tx)
        .insertInto('policy_trials')
        .values(row)
        .onConflict((conflict) => conflict.column('policy_name').doUpdateSet(row))
        .execute();
    },
    saveTrial: async (tx, trial) => {
      const { policy_name, version_id, started_at_ms, state } = trialRow(trial);
      await queriesOf(tx)
        .updateTable('policy_trials')
        .set({ state })
        .where('policy_name', '=', policy_name)
        .where('version_id', '=', version_id)
        .where('started_at_ms', '=', started_at_ms)
        .execute();
    },
    endTrial: async (tx, name) => {
      const { numDeletedRows } = await queriesOf(tx)
        .deleteFrom('policy_trials')
        .where('policy_name', '=', name)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    trials: async () => {
      const rows = await reads
        .selectFrom('policy_trials')
        .select(['policy_name', 'version_id', 'started_at_ms', 'state'])
        .orderBy('policy_name')
        .limit(pageRowsMax)
        .execute();
      return rows.map(toTrial);
    },
  };
}

function trialRow({ policyName, versionId, startedAtMs, state }: PolicyTrial): TrialRow {
  return {
    policy_name: policyName,
    version_id: versionId,
    started_at_ms: startedAtMs,
    state: JSON.stringify(state),
  };
}

function toTrial(row: TrialRow): PolicyTrial {
  return {
    policyName: row.policy_name,
    versionId: row.version_id,
    startedAtMs: row.started_at_ms,
    state: storedJson(row.state, isTrialState),
  };
}

function isTrialState(value: unknown): value is TrialState {
  return typeof value === 'object' && value !== null && 'findings' in value && 'unlisted' in value;
}

function versionRow(version: PolicyVersion): VersionRow {
  return {
    name: version.name,
    version_id: version.versionId,
    document: version.document,
    created_at_ms: version.createdAtMs,
  };
}

function toPolicy(row: PolicyRow): PolicyRecord {
  return {
    name: row.name,
    defaultVersionId: row.default_version_id,
    ...(row.previous_version_id === null ? {} : { previousVersionId: row.previous_version_id }),
    createdAtMs: row.created_at_ms,
  };
}

function toVersion(row: VersionRow): PolicyVersion {
  return {
    name: row.name,
    versionId: row.version_id,
    document: row.document,
    createdAtMs: row.created_at_ms,
  };
}

function toAttachment(row: AttachmentRow): PolicyAttachment {
  return { policyName: row.policy_name, certificateId: row.certificate_id };
}
