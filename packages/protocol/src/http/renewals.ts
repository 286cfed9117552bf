import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { certificateIdSchema, groupNameSchema, pageLimit, thingNameSchema } from './names.ts';

const selection = {
  groupName: Type.Optional(groupNameSchema),
  issuerId: Type.Optional(certificateIdSchema),
  profile: Type.Optional(Type.Enum(['device', 'tpm-device'])),
  expiresBeforeMs: Type.Optional(timeMs),
};

const memberState = Type.Enum(['WAITING', 'CALLED', 'RENEWED', 'GONE'], {
  description:
    '`WAITING` for its turn; `CALLED`: its device is told to renew when it asks; `RENEWED`; `GONE`: revoked meanwhile.',
});
const count = Type.Integer({ minimum: 0 });

const campaign = Type.Object({
  campaignId: Type.String(),
  selection: Type.Object({ ...selection, profile: Type.Optional(Type.String()) }),
  ratePerMinute: Type.Integer({ minimum: 1 }),
  state: Type.Enum(['RUNNING', 'PAUSED', 'CANCELLED', 'COMPLETED']),
  members: count,
  counts: Type.Object({ WAITING: count, CALLED: count, RENEWED: count, GONE: count }),
  createdAtMs: timeMs,
  createdBy: Type.String(),
  endedAtMs: Type.Optional(timeMs),
});

const noun = 'renewals';
const params = Type.Object({ campaignId: Type.String({ pattern: '^[0-9a-f]{16}$' }) });

export const startRenewal = defineRoute({
  method: 'POST',
  path: '/v1/renewals',
  noun,
  summary: 'Ask a part of the fleet to renew its certificates early, at a rate',
  access: 'operator',
  body: Type.Object(
    {
      ...selection,
      all: Type.Optional(Type.Boolean({ description: 'Every certificate; nothing else may be given then.' })),
      ratePerMinute: Type.Integer({
        minimum: 1,
        maximum: 60_000,
        description: 'Devices that are called a minute.',
      }),
    },
    { additionalProperties: false },
  ),
  status: 201,
  answer: campaign,
});

export const listRenewals = defineRoute({
  method: 'GET',
  path: '/v1/renewals',
  noun,
  summary: 'List renewal campaigns, the newest first',
  access: 'operator',
  answer: Type.Object({ renewals: Type.Array(campaign) }),
});

export const getRenewal = defineRoute({
  method: 'GET',
  path: '/v1/renewals/:campaignId',
  noun,
  summary: 'A renewal campaign and how far it is',
  access: 'operator',
  params,
  answer: campaign,
});

export const listRenewalMembers = defineRoute({
  method: 'GET',
  path: '/v1/renewals/:campaignId/members',
  noun,
  summary: 'List the certificates of a renewal campaign by id',
  access: 'operator',
  params,
  query: Type.Object(
    {
      state: Type.Optional(memberState),
      after: Type.Optional(certificateIdSchema),
      limit: Type.Optional(pageLimit),
    },
    { additionalProperties: false },
  ),
  answer: Type.Object({
    members: Type.Array(
      Type.Object({
        certificateId: certificateIdSchema,
        thingName: thingNameSchema,
        state: memberState,
        atMs: Type.Optional(timeMs),
      }),
    ),
    next: Type.Optional(certificateIdSchema),
  }),
});

export const changeRenewal = defineRoute({
  method: 'POST',
  path: '/v1/renewals/:campaignId/events',
  noun,
  summary: 'Pause, resume or cancel a renewal campaign',
  access: 'operator',
  params,
  body: Type.Object({ event: Type.Enum(['pause', 'resume', 'cancel']) }, { additionalProperties: false }),
  answer: campaign,
});

/** What an agent asks at each pass; a platform that does not have it yet answers 404. */
export const getRenewalWish = defineRoute({
  method: 'GET',
  path: '/v1/renewal',
  noun,
  summary: 'Whether the device should renew its certificate now, before its own time',
  access: 'device',
  answer: Type.Object({ renew: Type.Boolean() }),
});
