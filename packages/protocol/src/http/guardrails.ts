import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { policyNameSchema } from './names.ts';

const closed = { additionalProperties: false } as const;
export const documentText = Type.String({
  minLength: 2,
  maxLength: 16_384,
  description: 'A policy document as text.',
});
const pattern = Type.String({ minLength: 1, maxLength: 2_048 });

/** What a guard rail asks for, and what can be proved of stored policies. */
export const propertySchema = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('no-cross-device'),
      shared: Type.Optional(
        Type.Array(pattern, {
          maxItems: 20,
          description: 'Topics that devices share on purpose, with `*` and `?`.',
        }),
      ),
      unique: Type.Optional(
        Type.Array(Type.String({ maxLength: 192 }), {
          maxItems: 10,
          description:
            'Variables of which no two devices have the same value, beside thing name and certificate id.',
        }),
      ),
      withoutExclusive: Type.Optional(
        Type.Boolean({ description: 'Takes it that no certificate is attached to its thing exclusively.' }),
      ),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('never'),
      action: Type.String({
        minLength: 1,
        maxLength: 64,
        description: '`publish`, `receive`, `iot:Connect`, …',
      }),
      resource: pattern,
    },
    closed,
  ),
  Type.Object({ kind: Type.Literal('at-most'), document: documentText }, closed),
]);

const guardrailName = Type.String({ pattern: '^[a-zA-Z0-9:_-]{1,128}$' });

const guardrail = Type.Object({
  guardrailName,
  policyName: Type.Optional(policyNameSchema),
  property: propertySchema,
  createdAtMs: Type.Optional(timeMs),
  isConfigured: Type.Boolean({ description: 'From the settings: it cannot be removed here.' }),
  broken: Type.Optional(
    Type.Object(
      {
        sets: Type.Integer({
          minimum: 1,
          description: 'Sets of policies for which it is not proved.',
        }),
        findings: Type.Array(Type.String(), { description: 'What was found, the first of it.' }),
      },
      { description: 'It does not hold for what is in force: that was so before it was required.' },
    ),
  ),
});

const noun = 'guardrails';

export const createGuardrail = defineRoute({
  method: 'POST',
  path: '/v1/guardrails',
  noun,
  summary: 'Require a proof of a policy, or of every policy; refused while it would be broken already',
  access: 'operator',
  body: Type.Object(
    {
      guardrailName,
      policyName: Type.Optional(
        Type.String({ ...policyNameSchema, description: 'The policy; without it every policy.' }),
      ),
      property: propertySchema,
    },
    closed,
  ),
  status: 201,
  answer: guardrail,
});

export const listGuardrails = defineRoute({
  method: 'GET',
  path: '/v1/guardrails',
  noun,
  summary: 'List guard rails',
  access: 'operator',
  answer: Type.Object({ guardrails: Type.Array(guardrail) }),
});

export const removeGuardrail = defineRoute({
  method: 'DELETE',
  path: '/v1/guardrails/:guardrailName',
  noun,
  summary: 'Remove a guard rail',
  access: 'operator',
  params: Type.Object({ guardrailName }),
});
