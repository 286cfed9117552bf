import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { pageQuery, thingNameSchema } from './names.ts';

const noun = 'shadows';
const params = Type.Object({ thingName: thingNameSchema });
const shadowName = Type.String({
  pattern: '^[a-zA-Z0-9:_-]{0,64}$',
  description: 'Name of the shadow; empty: the classic one.',
});
const query = Type.Object({ shadowName: Type.Optional(shadowName) }, { additionalProperties: false });
const anything = Type.Record(Type.String(), Type.Unknown());
const document = Type.Object(
  {
    state: anything,
    metadata: Type.Optional(anything),
    version: Type.Integer({ minimum: 0 }),
    timestamp: Type.Integer({ minimum: 0, description: 'Seconds since the Unix epoch.' }),
  },
  { additionalProperties: true },
);

export const listShadows = defineRoute({
  method: 'GET',
  path: '/v1/shadows/:thingName',
  noun,
  summary: 'List the shadows of a thing by name; the classic one has an empty name',
  access: 'operator',
  params,
  query: pageQuery(shadowName),
  answer: Type.Object({
    shadows: Type.Array(
      Type.Object({ shadowName, version: Type.Integer({ minimum: 1 }), updatedAtMs: timeMs }),
    ),
    next: Type.Optional(shadowName),
  }),
});

export const getShadow = defineRoute({
  method: 'GET',
  path: '/v1/shadows/:thingName/document',
  noun,
  summary: 'Get a shadow: what is desired, what is reported, and where they differ',
  access: 'operator',
  params,
  query,
  answer: document,
});

export const updateShadow = defineRoute({
  method: 'PATCH',
  path: '/v1/shadows/:thingName/document',
  noun,
  summary: 'Change a shadow; members that are `null` are deleted, the others that are not given stay',
  access: 'operator',
  params,
  query,
  body: Type.Object(
    {
      state: Type.Unknown({ description: '`{"desired":{…},"reported":{…}}`, one or both.' }),
      version: Type.Optional(
        Type.Integer({ minimum: 0, description: 'The change is made only to this version.' }),
      ),
    },
    { additionalProperties: false },
  ),
  answer: document,
});

export const deleteShadow = defineRoute({
  method: 'DELETE',
  path: '/v1/shadows/:thingName/document',
  noun,
  summary: 'Delete a shadow; its version counts on when it is made again',
  access: 'operator',
  params,
  query,
});
