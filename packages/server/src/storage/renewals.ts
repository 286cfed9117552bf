import type { RenewalCampaign, RenewalMember, RenewalSelection, RenewalStore } from '../renewals/store.ts';
import type { Database } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, pageLimit, pageRowsMax, storedJson } from './paging.ts';
import type { RenewalCampaignRow, RenewalMemberRow } from './schema.ts';

const campaignColumns = [
  'campaign_id',
  'selection',
  'state',
  'rate_per_minute',
  'paced_from_ms',
  'members',
  'created_at_ms',
  'created_by',
  'ended_at_ms',
] as const;
const memberColumns = ['certificate_id', 'thing_name', 'state', 'at_ms'] as const;
/** Rows of one INSERT, identifiers of one UPDATE. */
const chunkSize = 500;

/** Renewal campaigns and whom they ask, in the records. */
export function createRenewalStore({ reads }: Database): RenewalStore {
  return {
    add: async (tx, campaign, members) => {
      const queries = queriesOf(tx);
      await queries.insertInto('renewal_campaigns').values(campaignRow(campaign)).execute();
      const rows = members.map((member) => memberRow(campaign.campaignId, member));
      for (const chunk of chunks(rows)) await queries.insertInto('renewal_members').values(chunk).execute();
    },
    update: async (tx, { campaignId, state, pace, endedAtMs }) => {
      await queriesOf(tx)
        .updateTable('renewal_campaigns')
        .set({ state, paced_from_ms: pace.fromMs, ended_at_ms: endedAtMs ?? null })
        .where('campaign_id', '=', campaignId)
        .execute();
    },
    setMembers: async (tx, { campaignId, certificateIds, state, atMs }) => {
      for (const chunk of chunks(certificateIds))
        await queriesOf(tx)
          .updateTable('renewal_members')
          .set({ state, at_ms: atMs })
          .where('campaign_id', '=', campaignId)
          .where('certificate_id', 'in', chunk)
          // What is done stays done, whoever comes late.
          .where('state', 'in', ['WAITING', 'CALLED'])
          .execute();
    },
    remove: async (tx, campaignId) => {
      const queries = queriesOf(tx);
      await queries.deleteFrom('renewal_members').where('campaign_id', '=', campaignId).execute();
      await queries.deleteFrom('renewal_campaigns').where('campaign_id', '=', campaignId).execute();
    },
    campaigns: async () => {
      const rows = await allRows((after: RenewalCampaignRow | undefined) => {
        const page = reads
          .selectFrom('renewal_campaigns')
          .select(campaignColumns)
          .orderBy('campaign_id')
          .limit(pageRowsMax);
        return (after === undefined ? page : page.where('campaign_id', '>', after.campaign_id)).execute();
      });
      return rows.map(toCampaign).toSorted((a, b) => b.createdAtMs - a.createdAtMs);
    },
    counts: async (campaignId) => {
      const rows = await reads
        .selectFrom('renewal_members')
        .select((eb) => ['state', eb.fn.countAll().as('count')])
        .where('campaign_id', '=', campaignId)
        .groupBy('state')
        .execute();
      const found = Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]));
      return { WAITING: 0, CALLED: 0, RENEWED: 0, GONE: 0, ...found };
    },
    members: async ({ campaignId, state, after, limit }) => {
      let page = reads
        .selectFrom('renewal_members')
        .select(memberColumns)
        .where('campaign_id', '=', campaignId)
        .orderBy('certificate_id')
        .limit(pageLimit(limit));
      if (state !== undefined) page = page.where('state', '=', state);
      if (after !== undefined) page = page.where('certificate_id', '>', after);
      return (await page.execute()).map(toMember);
    },
  };
}

function* chunks<Item>(items: readonly Item[]): Iterable<readonly Item[]> {
  for (let at = 0; at < items.length; at += chunkSize) yield items.slice(at, at + chunkSize);
}

function campaignRow(campaign: RenewalCampaign): RenewalCampaignRow {
  return {
    campaign_id: campaign.campaignId,
    selection: JSON.stringify(campaign.selection),
    state: campaign.state,
    rate_per_minute: campaign.pace.ratePerMinute,
    paced_from_ms: campaign.pace.fromMs,
    members: campaign.members,
    created_at_ms: campaign.createdAtMs,
    created_by: campaign.createdBy,
    ended_at_ms: campaign.endedAtMs ?? null,
  };
}

function toCampaign(row: RenewalCampaignRow): RenewalCampaign {
  return {
    campaignId: row.campaign_id,
    selection: storedJson(row.selection, isObject) as RenewalSelection, // as `campaignRow` wrote it
    state: row.state,
    pace: { ratePerMinute: row.rate_per_minute, fromMs: row.paced_from_ms },
    members: row.members,
    createdAtMs: row.created_at_ms,
    createdBy: row.created_by,
    ...(row.ended_at_ms === null ? {} : { endedAtMs: row.ended_at_ms }),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function memberRow(campaignId: string, member: RenewalMember): RenewalMemberRow {
  return {
    campaign_id: campaignId,
    certificate_id: member.certificateId,
    thing_name: member.thingName,
    state: member.state,
    at_ms: member.atMs ?? null,
  };
}

function toMember(row: Pick<RenewalMemberRow, (typeof memberColumns)[number]>): RenewalMember {
  return {
    certificateId: row.certificate_id,
    thingName: row.thing_name,
    state: row.state,
    ...(row.at_ms === null ? {} : { atMs: row.at_ms }),
  };
}
