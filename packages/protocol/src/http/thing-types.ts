import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { tagChange, tags, timeMs } from './fields.ts';
import { attributeNameSchema, pageQuery, thingNameSchema, typeNameSchema } from './names.ts';

const requiredAttributes = Type.Array(attributeNameSchema, {
  maxItems: 50,
  uniqueItems: true,
  description: 'Attributes that each thing of the type has, with a text that is not empty.',
});

const type = Type.Object({ typeName: typeNameSchema, requiredAttributes, tags, createdAtMs: timeMs });
const typeParams = Type.Object({ typeName: typeNameSchema });
const noun = 'thing-types';

export const createThingType = defineRoute({
  method: 'POST',
  path: '/v1/thing-types',
  noun,
  summary: 'Say what things of a type have to have: refused while some lack it',
  access: 'operator',
  body: Type.Object(
    {
      typeName: typeNameSchema,
      requiredAttributes: Type.Optional(requiredAttributes),
      tags: Type.Optional(tags),
    },
    { additionalProperties: false },
  ),
  status: 201,
  answer: type,
});

export const listThingTypes = defineRoute({
  method: 'GET',
  path: '/v1/thing-types',
  noun,
  summary: 'List the types of things by name, a page at a time',
  access: 'operator',
  query: Type.Object(pageQuery(typeNameSchema).properties, { additionalProperties: false }),
  answer: Type.Object({
    types: Type.Array(type),
    next: Type.Optional(Type.String({ description: 'Give it as `after` for the next page.' })),
  }),
});

export const getThingType = defineRoute({
  method: 'GET',
  path: '/v1/thing-types/:typeName',
  noun,
  summary: 'Show a type, how many things have it, and those that lack what it requires',
  access: 'operator',
  params: typeParams,
  answer: Type.Object({
    ...type.properties,
    thingCount: Type.Integer({ minimum: 0 }),
    lackingThingNames: Type.Array(thingNameSchema, {
      description: 'The first hundred; none but what was changed in the moment in which the type was.',
    }),
  }),
});

export const updateThingType = defineRoute({
  method: 'PATCH',
  path: '/v1/thing-types/:typeName',
  noun,
  summary: 'Change what a type requires, and its tags: refused while things lack what would be required',
  access: 'operator',
  params: typeParams,
  body: Type.Object(
    { requiredAttributes: Type.Optional(requiredAttributes), tags: Type.Optional(tagChange) },
    { additionalProperties: false },
  ),
  answer: type,
});

export const removeThingType = defineRoute({
  method: 'DELETE',
  path: '/v1/thing-types/:typeName',
  noun,
  summary: 'Remove a type: its things keep its name, and nothing is required of them',
  access: 'operator',
  params: typeParams,
});
