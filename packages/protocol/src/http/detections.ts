import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { certificateIdSchema, pageLimit, thingNameSchema } from './names.ts';

const detection = Type.Object({
  certificateId: certificateIdSchema,
  thingNames: Type.Array(thingNameSchema),
  sign: Type.Enum(['concurrent', 'alternating', 'unlogged', 'unregistered'], {
    description:
      '`concurrent`: connected twice, as different clients from different networks. `alternating`: in turn from networks it had left before. `unlogged`: in the registry, and not in the issuance log. `unregistered`: a CA of the platform signed it, and the registry does not have it.',
  }),
  response: Type.Enum(['off', 'alert', 'refuse', 'quarantine'], { description: 'What was done.' }),
  firstAtMs: timeMs,
  lastAtMs: timeMs,
  count: Type.Integer({ minimum: 1, description: 'CONNECTs, connections or comparisons that showed it.' }),
  clientIds: Type.Array(Type.String(), { description: 'The newest.' }),
  addresses: Type.Array(Type.String(), { description: 'The newest.' }),
});

export const listDetections = defineRoute({
  method: 'GET',
  path: '/v1/detections',
  noun: 'detections',
  summary:
    'List certificates that two devices seem to use, and those that the issuance log should have and has not, newest first',
  access: 'operator',
  query: Type.Object({ limit: Type.Optional(pageLimit) }, { additionalProperties: false }),
  answer: Type.Object({ detections: Type.Array(detection) }),
});
