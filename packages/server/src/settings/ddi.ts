import { groupNameSchema } from '@fleetward/protocol';
import { Type } from 'typebox';
import { count, section } from './kinds.ts';

export const ddi = section(
  {
    tenant: Type.String({
      default: 'default',
      pattern: '^[a-zA-Z0-9_-]{1,64}$',
      description: 'The tenant in the addresses of DDI clients; there is one.',
    }),
    targetTokenGroups: Type.Array(groupNameSchema, {
      default: [],
      maxItems: 1_000,
      description:
        'Groups of which, and under which, things may have a target token, by which a client needs no certificate; without any nobody may.',
    }),
    pollSeconds: count(300, 'How long a client waits until it asks again.', { maximum: 86_399 }),
    bodyBytesMax: count(65_536, 'Body of a request of a client; never more than `httpLimits.bodyBytesMax`.', {
      maximum: 1_048_576,
    }),
    jsonDepthMax: count(8, 'Levels of the JSON in such a body.', { maximum: 32 }),
    attributesMax: count(50, 'Attributes that a device may say of itself in `configData`.', {
      maximum: 1_000,
    }),
  },
  'Clients that speak hawkBit DDI, such as SWUpdate (docs/reference/ddi.md).',
);
