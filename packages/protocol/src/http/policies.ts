import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { certificateIdSchema, groupNameSchema, policyNameSchema, thingNameSchema } from './names.ts';
import { policyDecision } from './policy-decision.ts';

const documentText = Type.String({
  minLength: 2,
  maxLength: 16_384,
  description: 'The policy document as text, exactly as it was written (JSON, at most 16 KiB).',
});

const versionId = Type.Integer({ minimum: 1 });

const versionSummary = Type.Object({ versionId, isDefault: Type.Boolean(), createdAtMs: timeMs });

const finding = Type.Object({
  id: Type.String(),
  severity: Type.String(),
  path: Type.String(),
  message: Type.String(),
  fix: Type.Optional(Type.String()),
});

const savedVersion = Type.Object({
  policyName: policyNameSchema,
  versionId,
  isDefault: Type.Boolean(),
  notes: Type.Array(Type.Object({ path: Type.String(), message: Type.String() }), {
    description: 'What was bound or read differently from the letter of the document.',
  }),
  findings: Type.Array(finding, {
    description: 'What is probably not meant; the document was saved all the same.',
  }),
});

const policyParams = Type.Object({ policyName: policyNameSchema });
const versionParams = Type.Object({
  policyName: policyNameSchema,
  versionId: Type.String({ pattern: '^[1-9][0-9]{0,8}$' }),
});
const attachmentParams = Type.Object({ policyName: policyNameSchema, certificateId: certificateIdSchema });
const groupAttachmentParams = Type.Object({ policyName: policyNameSchema, groupName: groupNameSchema });
const noun = 'policies';

export const createPolicy = defineRoute({
  method: 'POST',
  path: '/v1/policies',
  noun,
  summary: 'Store a policy with its first version',
  access: 'operator',
  body: Type.Object(
    { policyName: policyNameSchema, document: documentText },
    { additionalProperties: false },
  ),
  status: 201,
  answer: savedVersion,
});

export const listPolicies = defineRoute({
  method: 'GET',
  path: '/v1/policies',
  noun,
  summary: 'List policies',
  access: 'operator',
  answer: Type.Object({
    policies: Type.Array(
      Type.Object({
        policyName: policyNameSchema,
        defaultVersionId: versionId,
        previousVersionId: Type.Optional(versionId),
        createdAtMs: timeMs,
      }),
    ),
  }),
});

export const getPolicy = defineRoute({
  method: 'GET',
  path: '/v1/policies/:policyName',
  noun,
  summary: 'Show a policy: its versions, the document in force, and what it is attached to',
  access: 'operator',
  params: policyParams,
  answer: Type.Object({
    policyName: policyNameSchema,
    defaultVersionId: versionId,
    previousVersionId: Type.Optional(versionId),
    createdAtMs: timeMs,
    document: documentText,
    versions: Type.Array(versionSummary),
    certificateIds: Type.Array(certificateIdSchema, { description: 'The first 1,000.' }),
    certificateCount: Type.Integer({ minimum: 0 }),
    groupNames: Type.Array(groupNameSchema, { description: 'The first 1,000.' }),
    findings: Type.Array(finding, {
      description:
        'What is probably not meant in the document in force; `not-attached` when it decides nothing.',
    }),
  }),
});

export const removePolicy = defineRoute({
  method: 'DELETE',
  path: '/v1/policies/:policyName',
  noun,
  summary: 'Remove a policy that is attached to nothing',
  access: 'operator',
  params: policyParams,
});

export const createPolicyVersion = defineRoute({
  method: 'POST',
  path: '/v1/policies/:policyName/versions',
  noun,
  summary: 'Store a new version of a policy; as the default it takes effect on live connections at once',
  access: 'operator',
  params: policyParams,
  body: Type.Object(
    { document: documentText, setAsDefault: Type.Optional(Type.Boolean()) },
    { additionalProperties: false },
  ),
  status: 201,
  answer: savedVersion,
});

export const getPolicyVersion = defineRoute({
  method: 'GET',
  path: '/v1/policies/:policyName/versions/:versionId',
  noun,
  summary: 'Show a version of a policy',
  access: 'operator',
  params: versionParams,
  answer: Type.Object({ policyName: policyNameSchema, ...versionSummary.properties, document: documentText }),
});

export const removePolicyVersion = defineRoute({
  method: 'DELETE',
  path: '/v1/policies/:policyName/versions/:versionId',
  noun,
  summary: 'Remove a version that is not the default',
  access: 'operator',
  params: versionParams,
});

export const setDefaultPolicyVersion = defineRoute({
  method: 'PUT',
  path: '/v1/policies/:policyName/default-version',
  noun,
  summary: 'Put a version in force, at once',
  access: 'operator',
  params: policyParams,
  body: Type.Object({ versionId }, { additionalProperties: false }),
});

export const attachPolicy = defineRoute({
  method: 'PUT',
  path: '/v1/policies/:policyName/certificates/:certificateId',
  noun,
  summary: 'Attach a policy to a certificate',
  access: 'operator',
  params: attachmentParams,
});

export const detachPolicy = defineRoute({
  method: 'DELETE',
  path: '/v1/policies/:policyName/certificates/:certificateId',
  noun,
  summary: 'Detach a policy from a certificate',
  access: 'operator',
  params: attachmentParams,
});

export const attachGroupPolicy = defineRoute({
  method: 'PUT',
  path: '/v1/policies/:policyName/groups/:groupName',
  noun,
  summary: 'Attach a policy to a group: it holds for every thing in it and under it',
  access: 'operator',
  params: groupAttachmentParams,
});

export const detachGroupPolicy = defineRoute({
  method: 'DELETE',
  path: '/v1/policies/:policyName/groups/:groupName',
  noun,
  summary: 'Detach a policy from a group',
  access: 'operator',
  params: groupAttachmentParams,
});

const hypotheticalName = Type.Record(Type.String(), Type.Unknown(), {
  maxProperties: 20,
  description:
    'Lists by attribute, as in `iot:Certificate.Subject.…`: `{"CommonName":["a"],"AlternativeName":{"DNSName":["b"]}}`.',
});

export const testPolicy = defineRoute({
  method: 'POST',
  path: '/v1/policies/test',
  noun,
  summary: 'Decide requests of a principal, real or hypothetical, without performing them',
  access: 'operator',
  body: Type.Object(
    {
      certificateId: Type.Optional(certificateIdSchema),
      policyNames: Type.Optional(
        Type.Array(policyNameSchema, {
          maxItems: 10,
          description: 'Decide by these stored policies instead of those attached to the certificate.',
        }),
      ),
      documents: Type.Optional(
        Type.Array(documentText, {
          maxItems: 5,
          description: 'Decide by these documents too, though not stored.',
        }),
      ),
      thingName: Type.Optional({
        ...thingNameSchema,
        description: 'A thing that exists, with the one certificate of its own that may connect.',
      }),
      clientId: Type.Optional(
        Type.String({ minLength: 1, maxLength: 128, description: 'By default the name of the thing.' }),
      ),
      sourceIp: Type.Optional(Type.String({ maxLength: 45 })),
      thing: Type.Optional(
        Type.Object(
          {
            thingName: thingNameSchema,
            typeName: Type.Optional(Type.String({ maxLength: 128 })),
            attributes: Type.Optional(Type.Record(Type.String(), Type.String())),
            groupNames: Type.Optional(
              Type.Array(groupNameSchema, {
                maxItems: 100,
                description:
                  'Groups it would be in; without them those of the thing of that name, if there is one.',
              }),
            ),
          },
          {
            additionalProperties: false,
            description: 'A hypothetical thing; without it the certificate’s own.',
          },
        ),
      ),
      certificate: Type.Optional(
        Type.Object(
          {
            id: Type.Optional(Type.String({ maxLength: 64, description: 'Without it 64 zeros.' })),
            serialNumber: Type.Optional(Type.String({ maxLength: 128 })),
            subject: Type.Optional(hypotheticalName),
            issuer: Type.Optional(hypotheticalName),
          },
          {
            additionalProperties: false,
            description:
              'What the variables `iot:Certificate…` would be, in place of what the certificate says.',
          },
        ),
      ),
      connect: Type.Optional(
        Type.Object(
          {
            persistent: Type.Optional(Type.Boolean()),
            willTopic: Type.Optional(Type.String({ maxLength: 256 })),
          },
          {
            additionalProperties: false,
            description: 'What `iot:ConnectAttributes` and `iot:LastWillTopic` would be.',
          },
        ),
      ),
      requests: Type.Array(
        Type.Object(
          {
            action: Type.String({ maxLength: 64, description: '`iot:Publish`, …' }),
            resource: Type.String({
              maxLength: 2048,
              description: 'An ARN, or its tail: `topic/a/b`, `topicfilter/a/#`, `client/c`, `thing/t`.',
            }),
          },
          { additionalProperties: false },
        ),
        { minItems: 1, maxItems: 100 },
      ),
    },
    { additionalProperties: false },
  ),
  answer: Type.Object({
    principal: Type.Object(
      {
        clientId: Type.String(),
        certificateId: Type.Optional(certificateIdSchema),
        thingName: Type.Optional(thingNameSchema),
      },
      { description: 'Whom it was decided for; without `thingName` the connection is of no thing.' },
    ),
    results: Type.Array(policyDecision),
  }),
});

const evidence = Type.Object({
  resource: Type.String({ description: 'As in the document, without region and account.' }),
  things: Type.Integer({ minimum: 1 }),
  requests: Type.Integer({ minimum: 1, description: 'Since they were first seen.' }),
  firstSeenMs: timeMs,
  lastSeenMs: timeMs,
});

export const synthesisePolicyDocument = defineRoute({
  method: 'POST',
  path: '/v1/policies/synthesise',
  noun,
  summary: 'Write the least policy for what things were allowed and did, with the evidence; it is not saved',
  access: 'operator',
  body: Type.Object(
    {
      groupName: Type.Optional(groupNameSchema),
      policyName: Type.Optional(policyNameSchema),
      thingName: Type.Optional(thingNameSchema),
      sinceMs: Type.Optional(timeMs),
      wildcardValuesMin: Type.Optional(
        Type.Integer({
          minimum: 2,
          maximum: 1_000,
          default: 8,
          description: 'A level becomes `*` when one thing used so many values of it.',
        }),
      ),
    },
    {
      additionalProperties: false,
      description:
        'One of the names: the things in and under a group, those that have a policy, or one thing.',
    },
  ),
  answer: Type.Object({
    document: documentText,
    statements: Type.Array(
      Type.Object({ sid: Type.String(), action: Type.String(), resources: Type.Array(evidence) }),
    ),
    warnings: Type.Array(Type.Object({ kind: Type.String(), message: Type.String() })),
    beyond: Type.Object(
      {
        isExact: Type.Boolean({
          description: 'Whether that is all, and none of it is allowed by the new one.',
        }),
        reason: Type.Optional(Type.String()),
        additions: Type.Array(
          Type.Object({
            actions: Type.Array(Type.String()),
            scope: Type.Union([Type.Literal('only'), Type.Literal('except')]),
            resources: Type.Array(Type.String()),
            when: Type.Array(Type.String(), { description: 'Conditions.' }),
            example: Type.Object({ action: Type.String(), resource: Type.String() }),
          }),
          { description: 'The first 100.' },
        ),
      },
      { description: 'What the present policies allow that this one does not.' },
    ),
    things: Type.Object({
      sharing: Type.Integer({ description: 'Things the policy would be for.' }),
      active: Type.Integer({ description: 'Of them those that did anything in that time.' }),
      lookedAt: Type.Integer({
        description: 'Fewer than all: see the setting `activity.synthesisRequestsMax`.',
      }),
    }),
  }),
});
