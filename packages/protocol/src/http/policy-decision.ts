import { Type } from 'typebox';

/** The statement that decided, or came nearest. */
export const decidingStatement = Type.Object({
  policyName: Type.String(),
  versionId: Type.Integer({ description: '0 for a document of the request that is not stored.' }),
  index: Type.Integer({ minimum: 0, description: 'Position in `Statement`, from 0.' }),
  sid: Type.Optional(Type.String()),
  effect: Type.Union([Type.Literal('Allow'), Type.Literal('Deny')]),
  via: Type.Union([Type.Literal('certificate'), Type.Literal('group')]),
  groupName: Type.Optional(Type.String({ description: 'The group through which the policy holds.' })),
});

const pattern = Type.String({ description: 'The resource of the statement, resolved variables in place.' });

const nearestMiss = Type.Union(
  [
    Type.Object({
      kind: Type.Literal('condition'),
      statement: decidingStatement,
      operator: Type.String(),
      key: Type.String(),
      expected: Type.Array(Type.String()),
      actual: Type.Optional(Type.Array(Type.String())),
    }),
    Type.Object({
      kind: Type.Literal('variable'),
      statement: decidingStatement,
      pattern,
      variable: Type.String(),
      actual: Type.String(),
      needed: Type.String({ description: 'The value with which it would match.' }),
    }),
    Type.Object({
      kind: Type.Literal('unresolved'),
      statement: decidingStatement,
      pattern,
      variables: Type.Array(Type.String()),
    }),
    Type.Object({ kind: Type.Literal('resource'), statement: decidingStatement, pattern }),
  ],
  { description: 'Of an implicit deny: the Allow that came closest, and why it does not match.' },
);

/** A decision with its reasons, as fields and as a sentence. */
export const policyDecision = Type.Object({
  action: Type.String(),
  resource: Type.String(),
  decision: Type.Union([Type.Literal('allow'), Type.Literal('explicitDeny'), Type.Literal('implicitDeny')]),
  explanation: Type.String({ description: 'The same in a sentence.' }),
  statement: Type.Optional(decidingStatement),
  pattern: Type.Optional(pattern),
  variables: Type.Optional(
    Type.Array(Type.Object({ name: Type.String(), value: Type.Optional(Type.String()) }), {
      description: 'Those of the deciding statement as they were resolved; without a value, unresolved.',
    }),
  ),
  unresolved: Type.Optional(
    Type.Array(Type.String(), { description: 'What has no value, so that a Deny failed closed.' }),
  ),
  nearest: Type.Optional(nearestMiss),
});
