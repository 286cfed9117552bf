import { Type } from 'typebox';
import { defineRoute } from '../route.ts';

/**
 * The newest device protocol this platform speaks; it never refuses the two before it. 2 brought `agent`, 3 `model`.
 */
export const deviceProtocolVersion = 3;

const modelName = Type.String({ pattern: '^[a-zA-Z0-9._+:-]{1,128}$' });
const model = Type.Object(
  { product: modelName, hardware: modelName },
  { additionalProperties: false, description: 'What the device is, as releases name it.' },
);

const installed = Type.Object(
  {
    version: Type.String({ minLength: 1, maxLength: 128 }),
    securityVersion: Type.Integer({ minimum: 0 }),
    sha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
  },
  { additionalProperties: false, description: 'The version that runs and was confirmed.' },
);

const update = Type.Object(
  {
    outcome: Type.String({
      minLength: 1,
      maxLength: 64,
      description: '`confirmed`, `rolled-back`, `refused`, `waiting`, `failed` or `up-to-date`.',
    }),
    version: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
    reason: Type.Optional(Type.String({ maxLength: 1_024, description: 'Why, in words for the operator.' })),
    actionId: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'The action of a campaign that it is about, where that is known.',
      }),
    ),
    step: Type.Optional(Type.String({ maxLength: 128, description: 'Where it ended, such as `TUF 5.4.4`.' })),
  },
  { additionalProperties: false, description: 'How the last attempt to update ended.' },
);

const agent = Type.Object(
  {
    version: Type.String({ minLength: 1, maxLength: 128 }),
    slot: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 16,
        description: 'Where it runs: slot `a` or `b`, or `factory`, what the device was shipped with.',
      }),
    ),
    update: Type.Optional(update),
  },
  { additionalProperties: false, description: 'The agent that reports, and how its own last update ended.' },
);

/** What a device says of itself. The thing is the one its certificate is attached to; it cannot speak for another. */
export const sendReport = defineRoute({
  method: 'POST',
  path: '/v1/report',
  noun: 'reports',
  summary: 'Report the installed version and the last update',
  access: 'device',
  body: Type.Object(
    {
      protocolVersion: Type.Integer({ minimum: 1, maximum: 1_000 }),
      model: Type.Optional(model),
      installed: Type.Optional(installed),
      update: Type.Optional(update),
      agent: Type.Optional(agent),
      batteryPercent: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 100,
          description: 'For campaigns that ask for a charged battery.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  status: 204,
});
