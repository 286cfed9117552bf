import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { policyNameSchema, thingNameSchema } from './names.ts';

const versionId = Type.Integer({ minimum: 1 });
const params = Type.Object({ policyName: policyNameSchema });
const noun = 'policies';

const finding = Type.Object({
  kind: Type.Union([Type.Literal('wouldDeny'), Type.Literal('wouldAllow')]),
  action: Type.String(),
  resource: Type.String({ description: 'With the variable where it is the thing’s own name.' }),
  count: Type.Integer({ minimum: 0 }),
  firstSeenMs: timeMs,
  lastSeenMs: timeMs,
  example: Type.Object({
    thingName: Type.Optional(thingNameSchema),
    clientId: Type.String(),
    name: Type.String({ description: 'The topic, filter or client id as it was.' }),
    explanation: Type.String({ description: 'Of the version in trial.' }),
  }),
});

const trial = Type.Object({
  policyName: policyNameSchema,
  versionId,
  startedAtMs: timeMs,
  isClean: Type.Boolean({
    description: 'It has seen something, and would have denied nothing that is allowed.',
  }),
  decisions: Type.Integer({ minimum: 0, description: 'Decisions it has seen.' }),
  findings: Type.Array(finding),
  unlisted: Type.Object(
    { wouldDeny: Type.Integer({ minimum: 0 }), wouldAllow: Type.Integer({ minimum: 0 }) },
    { description: 'Decisions beyond the findings that are kept (setting `trials.findingsMax`).' },
  ),
});

export const startPolicyTrial = defineRoute({
  method: 'PUT',
  path: '/v1/policies/:policyName/trial',
  noun,
  summary: 'Let a version decide in shadow on live connections, without enforcing it',
  access: 'operator',
  params,
  body: Type.Object({ versionId }, { additionalProperties: false }),
  answer: trial,
});

export const getPolicyTrial = defineRoute({
  method: 'GET',
  path: '/v1/policies/:policyName/trial',
  noun,
  summary: 'Show what the version in trial would have decided otherwise',
  access: 'operator',
  params,
  answer: trial,
});

export const stopPolicyTrial = defineRoute({
  method: 'DELETE',
  path: '/v1/policies/:policyName/trial',
  noun,
  summary: 'End a trial; the version stays as it is',
  access: 'operator',
  params,
});

export const promotePolicy = defineRoute({
  method: 'POST',
  path: '/v1/policies/:policyName/promote',
  noun,
  summary: 'Put the version in trial in force; refused with what it would have denied, unless forced',
  access: 'operator',
  params,
  body: Type.Object({ force: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
  answer: Type.Object({ policyName: policyNameSchema, versionId }),
});

export const rollbackPolicy = defineRoute({
  method: 'POST',
  path: '/v1/policies/:policyName/rollback',
  noun,
  summary: 'Put the version in force that was before, at once',
  access: 'operator',
  params,
  answer: Type.Object({ policyName: policyNameSchema, versionId }),
});
