import { groupNameSchema } from '@fleetward/protocol';
import { Type } from 'typebox';
import { count, section } from './kinds.ts';

export const groups = section(
  {
    groupsMax: count(10_000, 'Groups of things.', { maximum: 1_000_000 }),
    levelsMax: count(7, 'Levels of the hierarchy of groups.', { maximum: 64 }),
    groupsPerThingMax: count(10, 'Groups a thing itself may be in.', { maximum: 1_000 }),
    policiesPerGroupMax: count(10, 'Policies attached to one group.', { maximum: 100 }),
  },
  'Groups of things.',
);

export const presence = section(
  {
    flushSeconds: count(
      5,
      'How often the presence of things that came or went is written to the records; a crash costs what came since.',
      { maximum: 3_600 },
    ),
    flappingConnects: count(
      5,
      'So many new connections of a thing within `presence.flappingWindowSeconds` make it flapping.',
      { minimum: 2, maximum: 100 },
    ),
    flappingWindowSeconds: count(300, 'The window of `presence.flappingConnects`.', { maximum: 86_400 }),
  },
  'Presence of things (docs/reference/presence.md).',
);

export const thingTypes = section(
  { typesMax: count(1_000, 'Types of things that are kept.', { maximum: 10_000 }) },
  'Types of things.',
);

export const search = section(
  {
    queryLengthMax: count(4_096, 'Characters of one query.', { maximum: 65_536 }),
    queryTermsMax: count(64, 'Conditions of one query.', { maximum: 1_000 }),
    queryDepthMax: count(16, 'Parentheses and `not`s in one another in a query.', { maximum: 100 }),
    attributesMax: count(
      256,
      'Different names of attributes that can be searched for, and as many of tags: about 6 bytes of memory a thing for each. Things may have others; a query that names one of those is refused.',
      { maximum: 10_000 },
    ),
    shadowFields: Type.Array(
      Type.String({
        maxLength: 512,
        pattern:
          '^shadow\\.(name\\.[a-zA-Z0-9:_-]{1,64}\\.)?(desired|reported)(\\.[^.\\u0000-\\u001f]{1,128}){1,7}$',
      }),
      {
        default: ['shadow.reported.fw'],
        maxItems: 256,
        uniqueItems: true,
        description:
          'Values of shadows that can be searched for: `shadow.reported.PATH`, `shadow.desired.PATH`, `shadow.name.NAME.reported.PATH`, where a path is keys with dots between them. Each costs about 6 bytes of memory for a thing that has it, and what is different.',
      },
    ),
    shadowTextLengthMax: count(
      128,
      'Characters of a text in a shadow that can be searched for; a thing with a longer one has not got the field.',
      { maximum: 1_024 },
    ),
    searchesMax: count(8, 'Searches of operators at once; one more is told to try again.', { maximum: 256 }),
  },
  'Search of the fleet (docs/reference/search.md).',
);

const cloneResponse = (standard?: string) =>
  Type.Enum(['off', 'alert', 'refuse', 'quarantine'], {
    ...(standard === undefined ? {} : { default: standard }),
    description:
      'What is done when two devices seem to hold one key: nothing, tell the operator, refuse the newcomer too, or deactivate the certificate.',
  });

export const clones = section(
  {
    response: cloneResponse('alert'),
    responses: Type.Array(
      Type.Object({ groupName: groupNameSchema, response: cloneResponse() }, { additionalProperties: false }),
      {
        default: [],
        maxItems: 1_000,
        description:
          'The response for things in a group or under it; of several the strictest, without any the one for all.',
      },
    ),
    windowSeconds: count(900, 'How far back changes of network are looked at.', { maximum: 86_400 }),
    returnsMax: count(
      4,
      'Returns to networks it had left, within the window, that make a certificate suspect.',
      {
        maximum: 30,
      },
    ),
    certificatesMax: count(
      100_000,
      'Certificates whose last networks are remembered; the longest away is forgotten first.',
    ),
    keptMax: count(1_000, 'Detections kept in memory for operators.'),
  },
  'Detection of one certificate on two devices (docs/how-to/detect-clones.md).',
);
