import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { documentText, propertySchema } from './guardrails.ts';
import { policyNameSchema } from './names.ts';

const closed = { additionalProperties: false } as const;

const attachedTogether = {
  policyNames: Type.Optional(Type.Array(policyNameSchema, { maxItems: 10 })),
  documents: Type.Optional(Type.Array(documentText, { maxItems: 5 })),
};

export const provePolicies = defineRoute({
  method: 'POST',
  path: '/v1/policies/prove',
  noun: 'policies',
  summary: 'Prove a property of stored policies and documents that are attached together, over all requests',
  access: 'operator',
  body: Type.Object(
    {
      ...attachedTogether,
      property: Type.Union([
        ...propertySchema.anyOf,
        Type.Object({ kind: Type.Literal('equal'), document: documentText }, closed),
      ]),
    },
    closed,
  ),
  answer: Type.Object({
    property: Type.String(),
    verdict: Type.Union([Type.Literal('yes'), Type.Literal('no'), Type.Literal('undecided')]),
    summary: Type.String(),
    counterExample: Type.Optional(
      Type.Object({
        summary: Type.String(),
        requests: Type.Array(
          Type.Object({
            by: Type.String(),
            action: Type.String(),
            resource: Type.String(),
            context: Type.Record(Type.String(), Type.Unknown()),
            nowMs: Type.Optional(timeMs),
            decision: Type.String(),
            explanation: Type.String(),
          }),
        ),
      }),
    ),
    assumptions: Type.Array(Type.String()),
    states: Type.Integer({ minimum: 0 }),
  }),
});

const side = Type.Object(attachedTogether, {
  ...closed,
  description:
    'Stored policies in force and documents, attached together; neither of them is a side that allows nothing.',
});
const patterns = {
  scope: Type.Union([Type.Literal('only'), Type.Literal('except')]),
  resources: Type.Array(Type.String()),
  when: Type.Array(Type.String(), { description: 'Conditions.' }),
};

export const diffPolicySets = defineRoute({
  method: 'POST',
  path: '/v1/policies/diff',
  noun: 'policies',
  summary: 'What policies allow that others did not, over all requests, as a minimal set of patterns',
  access: 'operator',
  body: Type.Object({ before: side, now: side }, closed),
  answer: Type.Object({
    isExact: Type.Boolean({ description: 'Whether that is all, and nothing of it can be left out.' }),
    reason: Type.Optional(Type.String({ description: 'Why it is not.' })),
    additions: Type.Array(
      Type.Object({
        actions: Type.Array(Type.String()),
        pattern: Type.Object(patterns),
        within: Type.Optional(Type.Object(patterns, { description: 'Only requests that are of this too.' })),
        except: Type.Array(Type.Object({ ...patterns, effect: Type.String() })),
        example: Type.Object({
          action: Type.String(),
          resource: Type.String(),
          context: Type.Record(Type.String(), Type.Unknown()),
          nowMs: Type.Optional(timeMs),
        }),
      }),
    ),
    assumptions: Type.Array(Type.String()),
    states: Type.Integer({ minimum: 0 }),
  }),
});

const statement = {
  policyName: Type.String({ description: 'Of a document that was sent, `document-N`.' }),
  index: Type.Integer({ minimum: 0 }),
  path: Type.String(),
  sid: Type.Optional(Type.String()),
  effect: Type.Union([Type.Literal('Allow'), Type.Literal('Deny')]),
};

export const findDeadStatements = defineRoute({
  method: 'POST',
  path: '/v1/policies/dead',
  noun: 'policies',
  summary: 'Statements that change nothing in policies that are attached together, over all requests',
  access: 'operator',
  body: side,
  answer: Type.Object({
    dead: Type.Array(
      Type.Object({
        ...statement,
        why: Type.Union([Type.Literal('unmatchable'), Type.Literal('covered')]),
      }),
    ),
    undecided: Type.Array(Type.Object(statement)),
    reason: Type.Optional(Type.String()),
    assumptions: Type.Array(Type.String()),
    states: Type.Integer({ minimum: 0 }),
  }),
});
