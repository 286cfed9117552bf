import { parseSha256 } from '@fleetward/core';
import type {
  Action,
  ActionCount,
  Campaign,
  CampaignDefinition,
  CampaignStore,
  StopReason,
} from '../campaigns/store.ts';
import type { Database } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, pageLimit, pageRowsMax, storedJson } from './paging.ts';
import type { CampaignActionRow, CampaignRow } from './schema.ts';

const campaignColumns = [
  'campaign_id',
  'definition',
  'state',
  'stage',
  'paced_from_ms',
  'because',
  'created_at_ms',
  'created_by',
  'approved_by',
  'started_at_ms',
  'ended_at_ms',
] as const;
const actionColumns = [
  'action_id',
  'campaign_id',
  'thing_name',
  'state',
  'since_ms',
  'stage',
  'attempts',
  'offered_at_ms',
  'not_before_ms',
  'from_version',
  'from_sha256',
  'cause',
  'explanation',
] as const;
/** Rows of one INSERT. */
const chunkSize = 500;
const previousMax = 100;

/** Campaigns and their actions in the records. */
export function createCampaignStore({ reads }: Database): CampaignStore {
  return {
    add: async (tx, campaign) => {
      await queriesOf(tx).insertInto('campaigns').values(campaignRow(campaign)).execute();
    },
    update: async (tx, campaign) => {
      const { campaign_id, definition: _definition, ...changed } = campaignRow(campaign);
      const update = queriesOf(tx).updateTable('campaigns').set(changed);
      await update.where('campaign_id', '=', campaign_id).execute();
    },
    remove: async (tx, { campaignId, actionsMax }) => {
      const queries = queriesOf(tx);
      const some = queries
        .selectFrom('campaign_actions')
        .select('action_id')
        .where('campaign_id', '=', campaignId)
        .orderBy('action_id')
        .limit(actionsMax);
      const { numDeletedRows } = await queries
        .deleteFrom('campaign_actions')
        .where('action_id', 'in', some)
        .executeTakeFirst();
      if (Number(numDeletedRows) === actionsMax) return false;
      await queries.deleteFrom('campaigns').where('campaign_id', '=', campaignId).execute();
      return true;
    },
    campaigns: async () => {
      const rows = await allRows((after: CampaignRow | undefined) => {
        const page = reads
          .selectFrom('campaigns')
          .select(campaignColumns)
          .orderBy('campaign_id')
          .limit(pageRowsMax);
        return (after === undefined ? page : page.where('campaign_id', '>', after.campaign_id)).execute();
      });
      return rows.map(toCampaign).toSorted((a, b) => b.createdAtMs - a.createdAtMs);
    },
    saveActions: async (tx, actions) => {
      for (let at = 0; at < actions.length; at += chunkSize)
        await queriesOf(tx)
          .insertInto('campaign_actions')
          .values(actions.slice(at, at + chunkSize).map(actionRow))
          .onConflict((conflict) =>
            conflict.column('action_id').doUpdateSet((eb) => ({
              state: eb.ref('excluded.state'),
              since_ms: eb.ref('excluded.since_ms'),
              stage: eb.ref('excluded.stage'),
              attempts: eb.ref('excluded.attempts'),
              offered_at_ms: eb.ref('excluded.offered_at_ms'),
              not_before_ms: eb.ref('excluded.not_before_ms'),
              from_version: eb.ref('excluded.from_version'),
              from_sha256: eb.ref('excluded.from_sha256'),
              cause: eb.ref('excluded.cause'),
              explanation: eb.ref('excluded.explanation'),
            })),
          )
          .execute();
    },
    actions: async ({ campaignId, state, after, limit }) => {
      let page = reads
        .selectFrom('campaign_actions')
        .select(actionColumns)
        .where('campaign_id', '=', campaignId)
        .orderBy('action_id')
        .limit(pageLimit(limit));
      if (state !== undefined) page = page.where('state', '=', state);
      if (after !== undefined) page = page.where('action_id', '>', after);
      return (await page.execute()).map(toAction);
    },
    action: async (actionId) => {
      const row = await reads
        .selectFrom('campaign_actions')
        .select(actionColumns)
        .where('action_id', '=', actionId)
        .executeTakeFirst();
      return row && toAction(row);
    },
    lastActionId: async () => {
      const row = await reads
        .selectFrom('campaign_actions')
        .select('action_id')
        .orderBy('action_id', 'desc')
        .limit(1)
        .executeTakeFirst();
      return row?.action_id ?? 0;
    },
    counts: async (campaignId) => {
      const rows = await reads
        .selectFrom('campaign_actions')
        .select((eb) => ['stage', 'state', 'cause', eb.fn.countAll().as('count')])
        .where('campaign_id', '=', campaignId)
        .groupBy(['stage', 'state', 'cause'])
        .execute();
      return rows.map(
        ({ stage, state, cause, count }): ActionCount => ({
          stage: stage ?? undefined,
          state,
          cause: cause ?? undefined,
          count: Number(count),
        }),
      );
    },
    previous: async (campaignId) => {
      const rows = await reads
        .selectFrom('campaign_actions')
        .select((eb) => ['from_version', 'from_sha256', eb.fn.countAll().as('things')])
        .where('campaign_id', '=', campaignId)
        .where('from_sha256', 'is not', null)
        .groupBy(['from_version', 'from_sha256'])
        .orderBy('things', 'desc')
        .limit(previousMax)
        .execute();
      return rows.map(({ from_version, from_sha256, things }) => ({
        version: from_version ?? '',
        sha256: from_sha256 ?? '',
        things: Number(things),
      }));
    },
  };
}

function campaignRow(campaign: Campaign): CampaignRow {
  const { name, release, target, terms, needsApproval, startAtMs, because } = campaign;
  return {
    campaign_id: campaign.campaignId,
    definition: JSON.stringify({ name, release, target, terms, needsApproval, startAtMs }),
    state: campaign.state,
    stage: campaign.stage,
    paced_from_ms: campaign.pacedFromMs,
    because: because === undefined ? null : JSON.stringify(because),
    created_at_ms: campaign.createdAtMs,
    created_by: campaign.createdBy,
    approved_by: campaign.approvedBy ?? null,
    started_at_ms: campaign.startedAtMs ?? null,
    ended_at_ms: campaign.endedAtMs ?? null,
  };
}

function toCampaign(row: CampaignRow): Campaign {
  // As `campaignRow` wrote them.
  const definition = storedJson(row.definition, isObject) as CampaignDefinition;
  const because = row.because === null ? undefined : (storedJson(row.because, isObject) as StopReason);
  const { release } = definition;
  return {
    ...definition,
    release: { ...release, sha256: parseSha256(release.sha256) },
    campaignId: row.campaign_id,
    state: row.state,
    stage: row.stage,
    pacedFromMs: row.paced_from_ms,
    ...(because === undefined ? {} : { because }),
    createdAtMs: row.created_at_ms,
    createdBy: row.created_by,
    ...(row.approved_by === null ? {} : { approvedBy: row.approved_by }),
    ...(row.started_at_ms === null ? {} : { startedAtMs: row.started_at_ms }),
    ...(row.ended_at_ms === null ? {} : { endedAtMs: row.ended_at_ms }),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function actionRow(action: Action): CampaignActionRow {
  return {
    action_id: action.actionId,
    campaign_id: action.campaignId,
    thing_name: action.thingName,
    state: action.state,
    since_ms: action.sinceMs,
    stage: action.stage ?? null,
    attempts: action.attempts,
    offered_at_ms: action.offeredAtMs ?? null,
    not_before_ms: action.notBeforeMs ?? null,
    from_version: action.fromVersion ?? null,
    from_sha256: action.fromSha256 ?? null,
    cause: action.cause ?? null,
    explanation: action.explanation ?? null,
  };
}

function toAction(row: CampaignActionRow): Action {
  return {
    actionId: row.action_id,
    campaignId: row.campaign_id,
    thingName: row.thing_name,
    state: row.state,
    sinceMs: row.since_ms,
    attempts: row.attempts,
    ...(row.stage === null ? {} : { stage: row.stage }),
    ...(row.offered_at_ms === null ? {} : { offeredAtMs: row.offered_at_ms }),
    ...(row.not_before_ms === null ? {} : { notBeforeMs: row.not_before_ms }),
    ...(row.from_version === null ? {} : { fromVersion: row.from_version }),
    ...(row.from_sha256 === null ? {} : { fromSha256: row.from_sha256 }),
    ...(row.cause === null ? {} : { cause: row.cause }),
    ...(row.explanation === null ? {} : { explanation: row.explanation }),
  };
}
