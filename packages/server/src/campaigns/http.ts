import { parseGroupName } from '@fleetward/core';
import {
  changeCampaign,
  createCampaign,
  getCampaign,
  listCampaignActions,
  listCampaigns,
  type Part,
  rollBackCampaign,
} from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import { CampaignsError } from './errors.ts';
import type { Campaigns, CampaignView, NewCampaign } from './service.ts';
import type { Action, CampaignTarget, StopReason } from './store.ts';
import type { Terms } from './terms.ts';
import type { TroubleFinding } from './trouble.ts';

type Body = Part<(typeof createCampaign)['body']>;

const minuteMs = 60_000;
const percent = (share: number) => ({ kind: 'percent', percent: share }) as const;

const troubled = { thingsMin: 5, deviceHoursMin: 10, timesMin: 2 } as const;

/**
 * What is not said: one device, then 5 %, half, all; 100 a minute; it halts when a tenth of at least twenty fail, and pauses when at
 * least five updated ones have trouble twice as often as the rest: no device can bring either about alone.
 */
const standard = {
  stages: [
    { share: { kind: 'things', count: 1 }, successPercentMin: 100 },
    { share: percent(5), successPercentMin: 95 },
    { share: percent(50), successPercentMin: 95 },
    { share: percent(100), successPercentMin: 0 },
  ],
  rate: { baseRatePerMinute: 100, incrementFactor: 1, maximumPerMinute: 100 },
  abort: [{ failure: 'ALL', executedMin: 20, percent: 10 }],
  trouble: [
    { kind: 'disconnects', ...troubled },
    { kind: 'denials', ...troubled },
  ],
  retry: { retriesMax: 2, firstDelayMinutes: 5, delayMaxMinutes: 240 },
  timeOutMinutes: 1_440,
} as const satisfies Partial<Body>;

export function campaignHandlers(campaigns: Campaigns): readonly RouteHandler[] {
  return [
    handle(createCampaign, async ({ body, caller }) =>
      viewOf(await campaigns.create(wantedOf(body), operatorActor(caller))),
    ),
    handle(listCampaigns, async () => ({ campaigns: (await campaigns.list()).map(viewOf) })),
    handle(getCampaign, async ({ params }) => viewOf(await campaigns.get(params.campaignId))),
    handle(listCampaignActions, async ({ params, query }) => {
      const { limit = 100, ...range } = query;
      const actions = await campaigns.actions({ ...params, ...range, limit });
      const next = actions.length === limit ? actions.at(-1)?.actionId : undefined;
      return { actions: actions.map(actionView), ...(next === undefined ? {} : { next }) };
    }),
    handle(changeCampaign, async ({ params, body, caller }) =>
      viewOf(await campaigns.change({ ...params, event: body.event }, operatorActor(caller))),
    ),
    handle(rollBackCampaign, async ({ params, caller }) =>
      viewOf(await campaigns.rollBack(params.campaignId, operatorActor(caller))),
    ),
  ];
}

function wantedOf(body: Body): NewCampaign {
  const { name, releasePath, needsApproval = false, startAtMs } = body;
  return {
    name: name ?? releasePath,
    releasePath,
    target: targetOf(body),
    terms: termsOf(body),
    needsApproval,
    ...(startAtMs === undefined ? {} : { startAtMs }),
  };
}

/** The whole fleet is asked for by name: a group that was forgotten must not mean it. */
function targetOf({
  groupName,
  query,
  all = false,
  attributes = {},
  isContinuous = false,
}: Body): CampaignTarget {
  if ([all, groupName !== undefined, query !== undefined].filter(Boolean).length !== 1)
    throw new CampaignsError('campaigns.invalid', 'say for which things: a group, a query, or `all` of them');
  return {
    ...(groupName === undefined ? {} : { groupName: parseGroupName(groupName) }),
    ...(query === undefined ? {} : { query }),
    attributes,
    isContinuous,
  };
}

function termsOf(body: Body): Terms {
  const { stages, rate, abort, trouble, retry, timeOutMinutes } = { ...standard, ...body };
  const { fromVersions = [], attributes = {}, batteryPercentMin } = body.prerequisites ?? {};
  return {
    stages,
    rate,
    abort,
    trouble,
    ...(body.window === undefined ? {} : { window: body.window }),
    prerequisites: {
      fromVersions,
      attributes,
      ...(batteryPercentMin === undefined ? {} : { batteryPercentMin }),
    },
    retry: {
      retriesMax: retry.retriesMax,
      firstDelayMs: retry.firstDelayMinutes * minuteMs,
      delayMaxMs: retry.delayMaxMinutes * minuteMs,
    },
    timeOutMs: timeOutMinutes * minuteMs,
    ...(body.bytesPerSecondMax === undefined ? {} : { bytesPerSecondMax: body.bytesPerSecondMax }),
  };
}

function viewOf({ pacedFromMs: _paced, release, terms, because, ...campaign }: CampaignView) {
  const { lengthBytes: _length, hardware: _hardware, ...released } = release;
  const { target, counts, stages, causes, troubles } = campaign;
  return {
    ...campaign,
    release: released,
    target: { ...target, attributes: { ...target.attributes } },
    terms: termsView(terms),
    ...(because === undefined ? {} : { because: becauseView(because) }),
    counts: { ...counts },
    stages: stages.map((stage) => ({ ...stage, counts: { ...stage.counts } })),
    causes: [...causes],
    troubles: troubles.map(troubleView),
  };
}

function becauseView({ trouble, ...because }: StopReason) {
  return { ...because, ...(trouble === undefined ? {} : { trouble: troubleView(trouble) }) };
}

function troubleView({ thingNames, ...finding }: TroubleFinding) {
  return { ...finding, thingNames: [...thingNames] };
}

function termsView({
  stages,
  abort,
  trouble = [],
  window,
  prerequisites,
  retry,
  timeOutMs,
  ...terms
}: Terms) {
  const { retriesMax, firstDelayMs, delayMaxMs } = retry;
  const { fromVersions, attributes } = prerequisites;
  return {
    ...terms,
    stages: [...stages],
    abort: [...abort],
    trouble: [...trouble],
    ...(window === undefined ? {} : { window: { ...window, days: [...window.days] } }),
    prerequisites: { ...prerequisites, fromVersions: [...fromVersions], attributes: { ...attributes } },
    retry: {
      retriesMax,
      firstDelayMinutes: firstDelayMs / minuteMs,
      delayMaxMinutes: delayMaxMs / minuteMs,
    },
    timeOutMinutes: timeOutMs / minuteMs,
  };
}

function actionView({
  campaignId: _campaign,
  offeredAtMs: _offered,
  fromSha256: _sha256,
  ...action
}: Action) {
  return action;
}
