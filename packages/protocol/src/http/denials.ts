import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { certificateIdSchema, pageLimit, thingNameSchema } from './names.ts';
import { decidingStatement } from './policy-decision.ts';

/** Why something was refused. Closed: codes are API and never reused. */
export const denialCauses = [
  'tls_no_certificate',
  'tls_version',
  'tls_handshake',
  'certificate_untrusted',
  'certificate_expired',
  'certificate_revoked',
  'certificate_unknown',
  'certificate_inactive',
  'thing_shut_out',
  'certificate_profile',
  'certificate_pending',
  'certificate_new',
  'clone_suspected',
  'connect_denied',
  'publish_denied',
  'subscribe_denied',
  'receive_denied',
  'request_denied',
  'protocol_error',
  'enrollment_refused',
  'foreign_feedback',
  'operator_token_refused',
  'limit',
] as const;

export type DenialCause = (typeof denialCauses)[number];

const cause = Type.Enum([...denialCauses]);

const denial = Type.Object({
  seq: Type.Integer({ minimum: 1, description: 'Rises by one with each denial since the platform started.' }),
  atMs: timeMs,
  cause,
  certificateId: Type.Optional(certificateIdSchema),
  thingName: Type.Optional(thingNameSchema),
  clientId: Type.Optional(Type.String()),
  remoteAddress: Type.String(),
  action: Type.Optional(Type.String()),
  resource: Type.Optional(Type.String()),
  explanation: Type.String(),
  decision: Type.Optional(
    Type.Enum(['explicitDeny', 'implicitDeny'], {
      description: 'What the policies said: a statement denies it, or none allows it.',
    }),
  ),
  statement: Type.Optional(decidingStatement),
});

export const listDenials = defineRoute({
  method: 'GET',
  path: '/v1/denials',
  noun: 'denials',
  summary: 'List the newest denials with their explanations, newest first',
  access: 'operator',
  query: Type.Object(
    {
      thingName: Type.Optional(thingNameSchema),
      certificateId: Type.Optional(certificateIdSchema),
      cause: Type.Optional(cause),
      sinceMs: Type.Optional(timeMs),
      afterSeq: Type.Optional(Type.Integer({ minimum: 0 })),
      limit: Type.Optional(pageLimit),
    },
    { additionalProperties: false },
  ),
  answer: Type.Object({
    denials: Type.Array(denial),
    counts: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), {
      description: 'Denials since the platform started, by cause.',
    }),
  }),
});

const leastStatement = Type.Object(
  { Effect: Type.Literal('Allow'), Action: Type.String(), Resource: Type.String() },
  { description: 'The narrowest statement that would have allowed it, to be pasted into a policy.' },
);

const deniedCause = Type.Object({
  cause,
  action: Type.String(),
  resource: Type.String(),
  thingName: Type.Optional(thingNameSchema),
  certificateId: Type.Optional(certificateIdSchema),
  clientId: Type.Optional(Type.String()),
  count: Type.Integer({ minimum: 1 }),
  firstAtMs: timeMs,
  lastAtMs: timeMs,
  explanation: Type.String(),
  decision: denial.properties.decision,
  statement: denial.properties.statement,
  allowedBy: Type.Optional(leastStatement),
});

export const whyDenied = defineRoute({
  method: 'GET',
  path: '/v1/denials/why',
  noun: 'denials',
  summary:
    'What the policies denied lately, grouped by cause, with the statement that would have allowed each',
  access: 'operator',
  query: Type.Object(
    {
      thingName: Type.Optional(thingNameSchema),
      certificateId: Type.Optional(certificateIdSchema),
      sinceMs: Type.Optional(timeMs),
      limit: Type.Optional(pageLimit),
    },
    { additionalProperties: false },
  ),
  answer: Type.Object({ causes: Type.Array(deniedCause) }),
});
