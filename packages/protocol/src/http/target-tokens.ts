import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { pageLimit, thingNameSchema } from './names.ts';

const targetToken = Type.Object({
  thingName: thingNameSchema,
  createdAtMs: timeMs,
  createdBy: Type.String({ description: 'Operator id.' }),
});
const noun = 'target-tokens';
const params = Type.Object({ thingName: thingNameSchema });

export const createTargetToken = defineRoute({
  method: 'PUT',
  path: '/v1/target-tokens/:thingName',
  noun,
  summary:
    'Make a token by which a DDI client speaks for the thing, in the place of one it had; the answer is the only place its secret is ever shown',
  access: 'operator',
  params,
  answer: Type.Object({ ...targetToken.properties, secret: Type.String() }),
});

export const listTargetTokens = defineRoute({
  method: 'GET',
  path: '/v1/target-tokens',
  noun,
  summary: 'List which things have a target token, without the secrets',
  access: 'operator',
  query: Type.Object(
    { after: Type.Optional(thingNameSchema), limit: Type.Optional(pageLimit) },
    { additionalProperties: false },
  ),
  answer: Type.Object({ targetTokens: Type.Array(targetToken), next: Type.Optional(thingNameSchema) }),
});

export const removeTargetToken = defineRoute({
  method: 'DELETE',
  path: '/v1/target-tokens/:thingName',
  noun,
  summary: 'Delete the target token of a thing: it is good no more, at once',
  access: 'operator',
  params,
});
