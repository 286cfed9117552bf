import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { tagChange, tags, timeMs } from './fields.ts';
import { groupNameSchema, pageQuery, policyNameSchema, thingNameSchema } from './names.ts';

const query = Type.String({
  maxLength: 65_536,
  description: 'Of a dynamic group: its things are those that match (docs/reference/search.md).',
});

const group = Type.Object({
  groupName: groupNameSchema,
  parentName: Type.Optional(groupNameSchema),
  query: Type.Optional(query),
  tags,
  createdAtMs: timeMs,
});

const next = Type.Optional(Type.String({ description: 'Give it as `after` for the next page.' }));
const groupParams = Type.Object({ groupName: groupNameSchema });
const memberParams = Type.Object({ groupName: groupNameSchema, thingName: thingNameSchema });
const noun = 'groups';

export const createGroup = defineRoute({
  method: 'POST',
  path: '/v1/groups',
  noun,
  summary: 'Create a group, at the top or under another; or a dynamic one, of what matches a query',
  access: 'operator',
  body: Type.Object(
    {
      groupName: groupNameSchema,
      parentName: Type.Optional(groupNameSchema),
      query: Type.Optional(query),
      tags: Type.Optional(tags),
    },
    { additionalProperties: false },
  ),
  status: 201,
  answer: group,
});

export const listGroups = defineRoute({
  method: 'GET',
  path: '/v1/groups',
  noun,
  summary: 'List groups by name, a page at a time',
  access: 'operator',
  query: pageQuery(groupNameSchema),
  answer: Type.Object({ groups: Type.Array(group), next }),
});

export const getGroup = defineRoute({
  method: 'GET',
  path: '/v1/groups/:groupName',
  noun,
  summary: 'Show a group: what it is under, what is under it, and its policies',
  access: 'operator',
  params: groupParams,
  answer: Type.Object({
    ...group.properties,
    ancestorNames: Type.Array(groupNameSchema, { description: 'What it is under, nearest first.' }),
    childNames: Type.Array(groupNameSchema, { description: 'The first 1,000 groups just under it.' }),
    thingCount: Type.Integer({
      minimum: 0,
      description: 'Things in the group itself; of a dynamic group, those that match now.',
    }),
    policyNames: Type.Array(policyNameSchema),
  }),
});

export const updateGroup = defineRoute({
  method: 'PATCH',
  path: '/v1/groups/:groupName',
  noun,
  summary: 'Change the query of a dynamic group, and tags: `null` takes one away',
  access: 'operator',
  params: groupParams,
  body: Type.Object(
    { query: Type.Optional(query), tags: Type.Optional(tagChange) },
    { additionalProperties: false },
  ),
  answer: group,
});

export const moveGroup = defineRoute({
  method: 'PUT',
  path: '/v1/groups/:groupName/parent',
  noun,
  summary: 'Put a group, with everything under it, under another or (`null`) at the top',
  access: 'operator',
  params: groupParams,
  body: Type.Object(
    { parentName: Type.Union([groupNameSchema, Type.Null()]) },
    { additionalProperties: false },
  ),
});

export const removeGroup = defineRoute({
  method: 'DELETE',
  path: '/v1/groups/:groupName',
  noun,
  summary: 'Remove a group that holds no groups and no things and has no policies',
  access: 'operator',
  params: groupParams,
});

export const listGroupThings = defineRoute({
  method: 'GET',
  path: '/v1/groups/:groupName/things',
  noun,
  summary: 'List the things of the group itself by name, a page at a time',
  access: 'operator',
  params: groupParams,
  query: pageQuery(thingNameSchema),
  answer: Type.Object({ thingNames: Type.Array(thingNameSchema), next }),
});

export const addGroupThing = defineRoute({
  method: 'PUT',
  path: '/v1/groups/:groupName/things/:thingName',
  noun,
  summary: 'Put a thing into a group; its policies hold on live connections at once',
  access: 'operator',
  params: memberParams,
});

export const removeGroupThing = defineRoute({
  method: 'DELETE',
  path: '/v1/groups/:groupName/things/:thingName',
  noun,
  summary: 'Take a thing out of a group; its policies hold no longer, on live connections at once',
  access: 'operator',
  params: memberParams,
});
