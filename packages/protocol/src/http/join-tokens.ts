import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import {
  certificateIdSchema,
  groupNameSchema,
  pageLimit,
  policyNameSchema,
  thingNameSchema,
} from './names.ts';

const tokenProfile = Type.Enum(['device', 'tpm-device', 'claim', 'operator'], {
  description:
    'What the certificates it brings are for; docs/reference/certificate-profiles.md. With `tpm-device` a device’s TPM has to prove itself: docs/reference/tpm.md.',
});

const joinToken = Type.Object({
  tokenId: Type.String(),
  namePattern: Type.String({ description: 'The thing names it may take: literal characters and `*`.' }),
  policies: Type.Array(policyNameSchema),
  profile: tokenProfile,
  groupName: Type.Optional(groupNameSchema),
  usesMax: Type.Integer({ minimum: 1 }),
  usesLeft: Type.Integer({ minimum: 0 }),
  createdAtMs: timeMs,
  expiresAtMs: timeMs,
  createdBy: Type.String(),
  revokedAtMs: Type.Optional(timeMs),
});

const noun = 'join-tokens';

export const createJoinToken = defineRoute({
  method: 'POST',
  path: '/v1/join-tokens',
  noun,
  summary: 'Make a token that lets devices enrol; the answer is the only place its secret is ever shown',
  access: 'operator',
  body: Type.Object(
    {
      namePattern: Type.String({ pattern: '^[a-zA-Z0-9:_*-]{1,128}$' }),
      policies: Type.Optional(Type.Array(policyNameSchema, { maxItems: 10, uniqueItems: true })),
      profile: Type.Optional(tokenProfile),
      groupName: Type.Optional(groupNameSchema),
      usesMax: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Default 1.' })),
      expiresInSeconds: Type.Optional(
        Type.Integer({ minimum: 60, maximum: 31_536_000, description: 'Default one day.' }),
      ),
    },
    { additionalProperties: false },
  ),
  status: 201,
  answer: Type.Object({ ...joinToken.properties, secret: Type.String() }),
});

export const listJoinTokens = defineRoute({
  method: 'GET',
  path: '/v1/join-tokens',
  noun,
  summary: 'List join tokens, without their secrets',
  access: 'operator',
  answer: Type.Object({ joinTokens: Type.Array(joinToken) }),
});

const tokenParams = Type.Object({ tokenId: Type.String({ pattern: '^[0-9a-f]{16,64}$' }) });

export const getJoinToken = defineRoute({
  method: 'GET',
  path: '/v1/join-tokens/:tokenId',
  noun,
  summary: 'Show a join token, without its secret',
  access: 'operator',
  params: tokenParams,
  answer: joinToken,
});

export const revokeJoinToken = defineRoute({
  method: 'DELETE',
  path: '/v1/join-tokens/:tokenId',
  noun,
  summary: 'Revoke a join token; devices it has enrolled keep their certificates',
  access: 'operator',
  params: tokenParams,
});

const attempt = Type.Object({
  attemptId: Type.String(),
  atMs: timeMs,
  remoteAddress: Type.String(),
  outcome: Type.Union([
    Type.Literal('challenged'),
    Type.Literal('issued'),
    Type.Literal('provisioned'),
    Type.Literal('registered'),
    Type.Literal('renewed'),
    Type.Literal('reissued'),
    Type.Literal('refused'),
  ]),
  reason: Type.String(),
  explanation: Type.String(),
  operation: Type.String({ description: 'What the device asked for, such as `simpleenroll`.' }),
  tokenId: Type.Optional(Type.String()),
  thingName: Type.Optional(thingNameSchema),
  certificateId: Type.Optional(certificateIdSchema),
});

const attemptStep = Type.Object({
  step: Type.String({ description: 'What was looked at, such as `token`, `csr` or `name`.' }),
  outcome: Type.Union([Type.Literal('passed'), Type.Literal('refused')]),
  detail: Type.String(),
});

export const listEnrollmentAttempts = defineRoute({
  method: 'GET',
  path: '/v1/enrollment-attempts',
  noun: 'enrollment-attempts',
  summary: 'List the newest attempts to enrol or to renew, refused ones included',
  access: 'operator',
  query: Type.Object({ limit: Type.Optional(pageLimit) }, { additionalProperties: false }),
  answer: Type.Object({ attempts: Type.Array(attempt) }),
});

export const getEnrollmentAttempt = defineRoute({
  method: 'GET',
  path: '/v1/enrollment-attempts/:attemptId',
  noun: 'enrollment-attempts',
  summary: 'An attempt to enrol or to renew with each step it went through',
  access: 'operator',
  params: Type.Object({ attemptId: Type.String({ pattern: '^[0-9a-f]{8,64}$' }) }),
  answer: Type.Object({ ...attempt.properties, steps: Type.Array(attemptStep) }),
});
