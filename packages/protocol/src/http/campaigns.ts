import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { sha256, timeMs } from './fields.ts';
import { groupNameSchema, pageLimit, thingNameSchema } from './names.ts';
import { abortRuleSchema, rateSchema } from './rollout.ts';

const closed = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const attributes = Type.Record(
  Type.String({ pattern: '^[a-zA-Z0-9_.,@/:#=\\[\\]-]{1,128}$' }),
  Type.String({ maxLength: 800 }),
  { maxProperties: 50 },
);
const minutes = (maximum: number) => Type.Integer({ minimum: 1, maximum });

const share = Type.Union([
  Type.Object(
    { kind: Type.Literal('things'), count: Type.Integer({ minimum: 1, maximum: 1_000_000 }) },
    closed,
  ),
  Type.Object(
    { kind: Type.Literal('percent'), percent: Type.Number({ exclusiveMinimum: 0, maximum: 100 }) },
    closed,
  ),
]);

const stage = Type.Object(
  {
    share,
    executedMin: Type.Optional(
      Type.Integer({
        minimum: 1,
        description:
          'Things of the stage that must have ended before it is judged; all of them if not given.',
      }),
    ),
    successPercentMin: Type.Number({
      minimum: 0,
      maximum: 100,
      description: 'Of those that ended; below it the campaign pauses instead of going on.',
    }),
  },
  { ...closed, description: 'How far a stage reaches, counted from the beginning of the campaign.' },
);

const rate = rateSchema({ perMinuteMax: 60_000, what: 'Things that are offered the release a minute' });
const abortRule = abortRuleSchema(
  'Of at least `executedMin` things of one stage that ended, so many ended so: the campaign halts.',
);

const troubleKind = Type.Enum(['disconnects', 'denials'], {
  description:
    'Connections that were lost without a goodbye; what a device asked for and its policies do not allow.',
});
const troubleRule = Type.Object(
  {
    kind: troubleKind,
    thingsMin: Type.Integer({
      minimum: 2,
      maximum: 1_000,
      description: 'Updated things that must have had it.',
    }),
    deviceHoursMin: Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      description: 'Hours in which things were there, on each side, before they are compared.',
    }),
    timesMin: Type.Number({
      minimum: 1,
      maximum: 100,
      description: 'How many times the rate of the others.',
    }),
  },
  {
    ...closed,
    description:
      'The campaign pauses when its updated things have trouble more often than those of it that wait for their turn, by more than chance: the last 24 hours, each thing once an hour.',
  },
);

const troubleCount = Type.Object({
  troubled: Type.Integer({ minimum: 0, description: 'Device-hours with trouble.' }),
  deviceHours: Type.Integer({ minimum: 0 }),
});
const troubleFinding = Type.Object(
  {
    kind: troubleKind,
    updated: troubleCount,
    rest: troubleCount,
    things: Type.Integer({ minimum: 0, description: 'Updated things that had it.' }),
    thingNames: Type.Array(thingNameSchema, { description: 'Some of them.' }),
  },
  { description: 'Counted over the hours in which things of both sides were there.' },
);

const window = Type.Object(
  {
    days: Type.Array(Type.Integer({ minimum: 0, maximum: 6 }), {
      minItems: 1,
      maxItems: 7,
      uniqueItems: true,
      description: '0 is Sunday; of a window over midnight, the day on which it opens.',
    }),
    fromMinute: Type.Integer({ minimum: 0, maximum: 1_439 }),
    toMinute: Type.Integer({
      minimum: 0,
      maximum: 1_439,
      description: 'At or before `fromMinute`: on the next day.',
    }),
    timeZone: Type.String({
      minLength: 1,
      maxLength: 64,
      description: 'IANA name, for things without an attribute `timezone`.',
    }),
  },
  { ...closed, description: 'When a device may begin, by the clock on its wall.' },
);

const prerequisites = Type.Object(
  {
    fromVersions: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
        maxItems: 50,
        description: 'Things that run another version are skipped.',
      }),
    ),
    attributes: Type.Optional(attributes),
    batteryPercentMin: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100,
        description: 'As the device reported it last; else it waits.',
      }),
    ),
  },
  closed,
);

const retry = Type.Object(
  {
    retriesMax: Type.Integer({ minimum: 0, maximum: 10 }),
    firstDelayMinutes: minutes(1_440),
    delayMaxMinutes: minutes(10_080),
  },
  {
    ...closed,
    description:
      'Attempts after a failure that may pass; the delay doubles, and is anywhere below that (full jitter).',
  },
);

const terms = {
  stages: Type.Array(stage, { minItems: 1, maxItems: 20 }),
  rate,
  abort: Type.Array(abortRule, { maxItems: 10 }),
  trouble: Type.Array(troubleRule, { maxItems: 10, description: 'None: it never pauses for that.' }),
  window: Type.Optional(window),
  prerequisites,
  retry,
  timeOutMinutes: Type.Integer({
    minimum: 1,
    maximum: 43_200,
    description: 'From the offer to the end of one attempt.',
  }),
  bytesPerSecondMax: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1_000_000_000_000, description: 'Of all its downloads together.' }),
  ),
};

const campaignState = Type.Enum(
  ['PROPOSED', 'READY', 'GATHERING', 'RUNNING', 'PAUSED', 'HALTED', 'CANCELLED', 'COMPLETED'],
  {
    description:
      '`PROPOSED` until another operator approves; `GATHERING` while its things are taken in; `HALTED`: an abort rule ended it for good.',
  },
);
/** Where a thing is in a campaign; the last six are ends. */
export const campaignActionStates = [
  'SCHEDULED',
  'OFFERED',
  'DOWNLOADING',
  'INSTALLING',
  'AWAITING_CONFIRMATION',
  'SUCCEEDED',
  'FAILED',
  'TIMED_OUT',
  'REJECTED',
  'SKIPPED',
  'CANCELLED',
] as const;
const actionState = Type.Enum([...campaignActionStates], {
  description: 'Where a thing is; the last six are ends.',
});
const startAtMs = Type.Integer({
  minimum: 0,
  description:
    'Milliseconds since the Unix epoch: when it starts by itself, or once it is approved after that. One that cannot start then is `CANCELLED` and says why.',
});
const counts = Type.Record(Type.String(), count, { description: 'Things by their state; none: 0.' });

const campaign = Type.Object({
  campaignId: Type.String(),
  name: Type.String(),
  state: campaignState,
  release: Type.Object({
    path: Type.String(),
    sha256,
    component: Type.Enum(['firmware', 'agent']),
    product: Type.String(),
    version: Type.String(),
  }),
  target: Type.Object({
    groupName: Type.Optional(groupNameSchema),
    query: Type.Optional(Type.String()),
    attributes: Type.Record(Type.String(), Type.String()),
    isContinuous: Type.Boolean(),
    updatedBy: Type.Optional(Type.String({ description: 'The campaign that this one takes back.' })),
  }),
  terms: Type.Object(terms),
  needsApproval: Type.Boolean(),
  startAtMs: Type.Optional(startAtMs),
  stage: Type.Integer({ minimum: 0, description: 'Index of the stage that runs.' }),
  ratePerMinute: Type.Integer({ minimum: 1, description: 'The rate now.' }),
  because: Type.Optional(
    Type.Object(
      {
        cause: Type.Enum(['start', 'target', 'stage', 'abort', 'release', 'trouble']),
        explanation: Type.String(),
        trouble: Type.Optional(troubleFinding),
      },
      { description: 'Why it stopped by itself.' },
    ),
  ),
  things: count,
  counts,
  stages: Type.Array(Type.Object({ share, things: count, counts })),
  causes: Type.Array(Type.Object({ state: actionState, cause: Type.String(), count })),
  troubles: Type.Array(troubleFinding, {
    description: 'What was seen while it is not over; none where its terms do not ask for it.',
  }),
  createdAtMs: timeMs,
  createdBy: Type.String(),
  approvedBy: Type.Optional(Type.String()),
  startedAtMs: Type.Optional(timeMs),
  endedAtMs: Type.Optional(timeMs),
});

const noun = 'campaigns';
const params = Type.Object({ campaignId: Type.String({ pattern: '^[0-9a-f]{16}$' }) });

export const createCampaign = defineRoute({
  method: 'POST',
  path: '/v1/campaigns',
  noun,
  summary: 'Make a campaign that rolls out a published release; it begins when it is started',
  access: 'operator',
  body: Type.Object(
    {
      name: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
      releasePath: Type.String({ minLength: 1, maxLength: 512, description: 'Target path, as published.' }),
      groupName: Type.Optional(groupNameSchema),
      query: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 65_536,
          description: 'Things that match it, when the campaign starts (docs/reference/search.md).',
        }),
      ),
      all: Type.Optional(
        Type.Boolean({ description: 'Every thing; no group and no query may be given then.' }),
      ),
      attributes: Type.Optional(attributes),
      isContinuous: Type.Optional(
        Type.Boolean({
          description: 'Things that come later join; the campaign goes on until it is cancelled.',
        }),
      ),
      needsApproval: Type.Optional(Type.Boolean()),
      startAtMs: Type.Optional(startAtMs),
      stages: Type.Optional(terms.stages),
      rate: Type.Optional(rate),
      abort: Type.Optional(terms.abort),
      trouble: Type.Optional(terms.trouble),
      window: Type.Optional(window),
      prerequisites: Type.Optional(prerequisites),
      retry: Type.Optional(retry),
      timeOutMinutes: Type.Optional(terms.timeOutMinutes),
      bytesPerSecondMax: terms.bytesPerSecondMax,
    },
    closed,
  ),
  status: 201,
  answer: campaign,
});

export const listCampaigns = defineRoute({
  method: 'GET',
  path: '/v1/campaigns',
  noun,
  summary: 'List campaigns, the newest first',
  access: 'operator',
  answer: Type.Object({ campaigns: Type.Array(campaign) }),
});

export const getCampaign = defineRoute({
  method: 'GET',
  path: '/v1/campaigns/:campaignId',
  noun,
  summary: 'A campaign and how far it is',
  access: 'operator',
  params,
  answer: campaign,
});

export const listCampaignActions = defineRoute({
  method: 'GET',
  path: '/v1/campaigns/:campaignId/actions',
  noun,
  summary: 'List the things of a campaign and where each is',
  access: 'operator',
  params,
  query: Type.Object(
    {
      state: Type.Optional(actionState),
      after: Type.Optional(Type.Integer({ minimum: 0 })),
      limit: Type.Optional(pageLimit),
    },
    closed,
  ),
  answer: Type.Object({
    actions: Type.Array(
      Type.Object({
        actionId: Type.Integer({ minimum: 1 }),
        thingName: thingNameSchema,
        state: actionState,
        sinceMs: timeMs,
        stage: Type.Optional(count),
        attempts: count,
        notBeforeMs: Type.Optional(timeMs),
        fromVersion: Type.Optional(Type.String()),
        cause: Type.Optional(Type.String()),
        explanation: Type.Optional(Type.String()),
      }),
    ),
    next: Type.Optional(Type.Integer()),
  }),
});

export const changeCampaign = defineRoute({
  method: 'POST',
  path: '/v1/campaigns/:campaignId/events',
  noun,
  summary: 'Approve, start, pause, resume or cancel a campaign',
  access: 'operator',
  params,
  body: Type.Object({ event: Type.Enum(['approve', 'start', 'pause', 'resume', 'cancel']) }, closed),
  answer: campaign,
});

export const rollBackCampaign = defineRoute({
  method: 'POST',
  path: '/v1/campaigns/:campaignId/roll-back',
  noun,
  summary:
    'End a campaign and roll out the release that carries what its things ran before, as a higher version',
  access: 'operator',
  params,
  status: 201,
  answer: campaign,
});
