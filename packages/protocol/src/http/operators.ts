import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';

const operator = Type.Object({
  operatorId: Type.String(),
  name: Type.String(),
  createdAtMs: timeMs,
  invitedBy: Type.Optional(
    Type.String({
      description: 'The operator whose invitation it was; absent: a setup token of the machine.',
    }),
  ),
});

const operatorName = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: '^[A-Za-z0-9][A-Za-z0-9 ._@-]*$',
  description: 'A person or a machine, such as `ada` or `ci`.',
});

const token = Type.Object({
  tokenId: Type.String(),
  operatorId: Type.String(),
  createdAtMs: timeMs,
  expiresAtMs: timeMs,
  revokedAtMs: Type.Optional(timeMs),
});

const newToken = Type.Object({
  tokenId: Type.String(),
  operatorId: Type.String(),
  expiresAtMs: timeMs,
  secret: Type.String({ description: 'The bearer token, `fwo_…`; shown this once.' }),
});

const validityDays = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 365, description: 'Days until the token expires; 90 when absent.' }),
);

/** Spends the one-time setup token on an operator and a bearer token. */
export const completeSetup = defineRoute({
  method: 'POST',
  path: '/v1/setup',
  noun: 'operators',
  summary: 'Spend the one-time setup token on an operator and a bearer token',
  access: 'public',
  body: Type.Object({ setupToken: Type.String({ minLength: 1, maxLength: 128 }), operatorName }),
  status: 201,
  answer: Type.Object({ operator, token: newToken }),
});

export const listOperators = defineRoute({
  method: 'GET',
  path: '/v1/operators',
  noun: 'operators',
  summary: 'List the operators',
  access: 'operator',
  answer: Type.Object({ operators: Type.Array(operator) }),
});

/** Who the bearer of the token is. */
export const getSelf = defineRoute({
  method: 'GET',
  path: '/v1/operators/self',
  noun: 'operators',
  summary: 'Show the operator the token belongs to',
  access: 'operator',
  answer: operator,
});

export const createOperatorToken = defineRoute({
  method: 'POST',
  path: '/v1/operator-tokens',
  noun: 'operators',
  summary: 'Make another bearer token for oneself',
  access: 'operator',
  body: Type.Object({ validityDays }),
  status: 201,
  answer: newToken,
});

export const listOperatorTokens = defineRoute({
  method: 'GET',
  path: '/v1/operator-tokens',
  noun: 'operators',
  summary: 'List the bearer tokens of all operators, without their secrets',
  access: 'operator',
  answer: Type.Object({ tokens: Type.Array(token) }),
});

export const revokeOperatorToken = defineRoute({
  method: 'DELETE',
  path: '/v1/operator-tokens/:tokenId',
  noun: 'operators',
  summary: 'Revoke a bearer token',
  access: 'operator',
  params: Type.Object({ tokenId: Type.String({ minLength: 1, maxLength: 64 }) }),
});

const invitation = Type.Object({
  operatorName,
  invitedBy: Type.String(),
  createdAtMs: timeMs,
  expiresAtMs: timeMs,
});

/** An invitation made before for the same name is void. */
export const inviteOperator = defineRoute({
  method: 'POST',
  path: '/v1/operator-invitations',
  noun: 'operators',
  summary: 'Make a one-time setup token with which another becomes an operator',
  access: 'operator',
  body: Type.Object({
    operatorName,
    validityHours: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 168, description: 'Hours until it expires; 24 when absent.' }),
    ),
  }),
  status: 201,
  answer: Type.Object({
    operatorName,
    expiresAtMs: timeMs,
    setupToken: Type.String({ description: 'The setup token, `fws_…`; shown this once.' }),
  }),
});

export const listOperatorInvitations = defineRoute({
  method: 'GET',
  path: '/v1/operator-invitations',
  noun: 'operators',
  summary: 'List the invitations that nobody has used yet, without their setup tokens',
  access: 'operator',
  answer: Type.Object({ invitations: Type.Array(invitation) }),
});

export const withdrawOperatorInvitation = defineRoute({
  method: 'DELETE',
  path: '/v1/operator-invitations/:operatorName',
  noun: 'operators',
  summary: 'Withdraw an invitation',
  access: 'operator',
  params: Type.Object({ operatorName }),
});
