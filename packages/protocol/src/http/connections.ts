import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { certificateIdSchema, pageLimit, thingNameSchema } from './names.ts';

const noun = 'connections';

const connection = Type.Object({
  clientId: Type.String(),
  certificateId: certificateIdSchema,
  thingName: Type.Optional(thingNameSchema),
  remoteAddress: Type.String(),
  protocol: Type.Union([Type.Literal('mqtt-3.1.1'), Type.Literal('mqtt-5')]),
  connectedAtMs: timeMs,
  subscriptions: Type.Array(Type.String(), { description: 'The first 100 filters.' }),
});

export const listConnections = defineRoute({
  method: 'GET',
  path: '/v1/connections',
  noun,
  summary: 'List live MQTT connections',
  access: 'operator',
  query: Type.Object(
    {
      thingName: Type.Optional(thingNameSchema),
      certificateId: Type.Optional(certificateIdSchema),
      limit: Type.Optional(pageLimit),
    },
    { additionalProperties: false },
  ),
  answer: Type.Object({ connections: Type.Array(connection), total: Type.Integer({ minimum: 0 }) }),
});

export const closeConnection = defineRoute({
  method: 'DELETE',
  path: '/v1/connections/:clientId',
  noun,
  summary: 'Cut the live connection of a client; it may connect again',
  access: 'operator',
  params: Type.Object({ clientId: Type.String({ minLength: 1, maxLength: 128 }) }),
});
