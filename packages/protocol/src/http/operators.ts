import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';

const operator = Type.Object({ operatorId: Type.String(), name: Type.String(), createdAtMs: timeMs });

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
