import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { tagChange, tags, timeMs } from './fields.ts';
import {
  attributeNameSchema,
  certificateIdSchema,
  groupNameSchema,
  pageLimit,
  pageQuery,
  policyNameSchema,
  thingNameSchema,
  typeNameSchema,
} from './names.ts';

const attributeValue = Type.String({ maxLength: 800 });
const attributes = Type.Record(attributeNameSchema, attributeValue, {
  maxProperties: 50,
  description: 'Facts about the thing, for `${iot:Connection.Thing.Attributes[name]}` in policies.',
});

const lifecycleState = Type.Enum(['manufactured', 'provisioned', 'active', 'quarantined', 'retired'], {
  description: 'Devices of a thing that is `quarantined` or `retired` may not connect.',
});

const querySchema = Type.String({
  maxLength: 65_536,
  description: 'Which things, such as `group:oven* and connected:false` (docs/reference/search.md).',
});

const thing = Type.Object({
  thingName: thingNameSchema,
  typeName: Type.Optional(typeNameSchema),
  attributes,
  tags,
  lifecycleState,
  createdAtMs: timeMs,
});

const connection = Type.Object({
  clientId: Type.String(),
  sessionIdentifier: Type.String({ description: 'That of the lifecycle events.' }),
  remoteAddress: Type.Optional(Type.String()),
  tlsVersion: Type.String({ description: 'Such as `TLSv1.3`; `none` on the listener without TLS.' }),
  cipher: Type.String({ description: 'As OpenSSL calls it.' }),
});

const presence = Type.Object({
  connected: Type.Boolean(),
  sinceMs: Type.Optional({ ...timeMs, description: 'When it came or went.' }),
  flapping: Type.Boolean({ description: 'It connects too often (docs/reference/presence.md).' }),
  connection: Type.Optional({ ...connection, description: 'Its newest one, also when that has ended.' }),
  lastDisconnect: Type.Optional(
    Type.Object({
      reason: Type.String({ description: 'As in lifecycle events, such as `CONNECTION_LOST`.' }),
      atMs: timeMs,
    }),
  ),
});

const groupNames = Type.Array(groupNameSchema, { description: 'The groups the thing itself is in.' });

const attachment = Type.Object({
  certificateId: certificateIdSchema,
  exclusive: Type.Boolean({
    description: 'The certificate speaks for this thing alone, whatever the client id.',
  }),
});

const thingParams = Type.Object({ thingName: thingNameSchema });
const attachmentParams = Type.Object({ thingName: thingNameSchema, certificateId: certificateIdSchema });
const noun = 'things';

export const createThing = defineRoute({
  method: 'POST',
  path: '/v1/things',
  noun,
  summary: 'Create a thing',
  access: 'operator',
  body: Type.Object(
    {
      thingName: thingNameSchema,
      typeName: Type.Optional(typeNameSchema),
      attributes: Type.Optional(attributes),
      tags: Type.Optional(tags),
    },
    { additionalProperties: false },
  ),
  status: 201,
  answer: thing,
});

const importThingsMax = 500;

// Bounded by the body of the request alone, so that one wrong thing is a result among others and not the end of all.
const importedTexts = Type.Record(Type.String(), Type.String());
const importedThing = Type.Object(
  {
    thingName: Type.String(),
    typeName: Type.Optional(Type.String()),
    attributes: Type.Optional(importedTexts),
    tags: Type.Optional(importedTexts),
    groupNames: Type.Optional(Type.Array(Type.String(), { description: 'Static groups.' })),
    lifecycleState: Type.Optional(lifecycleState),
  },
  { additionalProperties: false },
);

export const importThings = defineRoute({
  method: 'POST',
  path: '/v1/thing-imports',
  noun,
  summary: 'Create many things, with their groups: one result a thing, in their order',
  access: 'operator',
  body: Type.Object(
    {
      things: Type.Array(importedThing, { minItems: 1, maxItems: importThingsMax }),
      update: Type.Optional(
        Type.Boolean({ description: 'Change things that are there already and differ from what is given.' }),
      ),
      dryRun: Type.Optional(
        Type.Boolean({ description: 'Say what would become of each, and change nothing.' }),
      ),
    },
    { additionalProperties: false },
  ),
  answer: Type.Object({
    results: Type.Array(
      Type.Union([
        Type.Object({
          outcome: Type.Enum(['created', 'unchanged', 'updated'], {
            description: '`unchanged`: it was there with all that is given.',
          }),
        }),
        Type.Object({
          outcome: Type.Enum(['differs', 'refused'], {
            description: '`differs`: it is there and not as given; nothing of it was changed.',
          }),
          reason: Type.String({ description: 'A code of docs/reference/error-codes.md.' }),
          explanation: Type.String(),
        }),
      ]),
    ),
  }),
});

export const listThings = defineRoute({
  method: 'GET',
  path: '/v1/things',
  noun,
  summary: 'List things by name, all or those that match a query, a page at a time',
  access: 'operator',
  query: Type.Object(
    { ...pageQuery(thingNameSchema).properties, query: Type.Optional(querySchema) },
    { additionalProperties: false },
  ),
  answer: Type.Object({
    things: Type.Array(Type.Object({ ...thing.properties, groupNames, connected: Type.Boolean() })),
    next: Type.Optional(Type.String({ description: 'Give it as `after` for the next page.' })),
  }),
});

const valueCount = Type.Object({ value: Type.String(), count: Type.Integer({ minimum: 1 }) });

export const countThings = defineRoute({
  method: 'GET',
  path: '/v1/thing-counts',
  noun,
  summary: 'Count things, all or those that match a query, by the values of a field',
  access: 'operator',
  query: Type.Object(
    {
      by: Type.String({
        minLength: 1,
        maxLength: 256,
        description:
          'A field of queries, such as `firmware` or `attribute.site`; numbers and time spans are counted in ranges.',
      }),
      query: Type.Optional(querySchema),
      limit: Type.Optional(pageLimit),
    },
    { additionalProperties: false },
  ),
  answer: Type.Object({
    by: Type.String(),
    total: Type.Integer({ minimum: 0, description: 'Things that were counted.' }),
    without: Type.Integer({ minimum: 0, description: 'Of those, without the field.' }),
    distinct: Type.Integer({
      minimum: 0,
      description: 'Different values; `values` has the most frequent of them.',
    }),
    values: Type.Array(valueCount),
  }),
});

export const getThing = defineRoute({
  method: 'GET',
  path: '/v1/things/:thingName',
  noun,
  summary: 'Show a thing, its groups, its certificates, its connection and what it last reported',
  access: 'operator',
  params: thingParams,
  answer: Type.Object({
    ...thing.properties,
    groupNames,
    certificates: Type.Array(attachment),
    presence,
    report: Type.Optional(
      Type.Object({ receivedAtMs: timeMs, report: Type.Record(Type.String(), Type.Unknown()) }),
    ),
  }),
});

export const updateThing = defineRoute({
  method: 'PATCH',
  path: '/v1/things/:thingName',
  noun,
  summary: 'Change type, attributes and tags: what is named is set, `null` takes away, the rest stays',
  access: 'operator',
  params: thingParams,
  body: Type.Object(
    {
      typeName: Type.Optional(Type.Union([typeNameSchema, Type.Null()])),
      attributes: Type.Optional(
        Type.Record(attributeNameSchema, Type.Union([attributeValue, Type.Null()]), { maxProperties: 100 }),
      ),
      tags: Type.Optional(tagChange),
    },
    { additionalProperties: false },
  ),
  answer: thing,
});

export const setThingState = defineRoute({
  method: 'PUT',
  path: '/v1/things/:thingName/state',
  noun,
  summary:
    'Put a thing into another state of its life: `quarantined` and `retired` cut its connections at once',
  access: 'operator',
  params: thingParams,
  body: Type.Object(
    {
      lifecycleState,
      reason: Type.Optional(Type.String({ maxLength: 256, description: 'For the trail.' })),
    },
    { additionalProperties: false },
  ),
  answer: thing,
});

export const removeThing = defineRoute({
  method: 'DELETE',
  path: '/v1/things/:thingName',
  noun,
  summary: 'Remove a thing that no certificate speaks for, with everything kept of it',
  access: 'operator',
  params: thingParams,
});

export const attachThingCertificate = defineRoute({
  method: 'PUT',
  path: '/v1/things/:thingName/certificates/:certificateId',
  noun,
  summary: 'Let a certificate speak for a thing',
  access: 'operator',
  params: attachmentParams,
  body: Type.Object({ exclusive: Type.Boolean() }, { additionalProperties: false }),
});

export const detachThingCertificate = defineRoute({
  method: 'DELETE',
  path: '/v1/things/:thingName/certificates/:certificateId',
  noun,
  summary: 'Let a certificate no longer speak for a thing',
  access: 'operator',
  params: attachmentParams,
});

export const transferCertificate = defineRoute({
  method: 'POST',
  path: '/v1/certificates/:certificateId/transfer',
  noun: 'certificates',
  summary: 'Let a certificate speak for another thing instead: its live connections are cut',
  access: 'operator',
  params: Type.Object({ certificateId: certificateIdSchema }),
  body: Type.Object(
    {
      thingName: thingNameSchema,
      fromThingName: Type.Optional(
        Type.String({
          ...thingNameSchema,
          description: 'The thing it shall speak for no more; needed where it speaks for several.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  answer: Type.Object({
    certificateId: certificateIdSchema,
    thingName: thingNameSchema,
    fromThingName: thingNameSchema,
    exclusive: Type.Boolean(),
    remainingCertificateIds: Type.Array(certificateIdSchema, {
      description: 'Certificates that are attached to the old thing still.',
    }),
  }),
});

export const attachThingPolicy = defineRoute({
  method: 'PUT',
  path: '/v1/things/:thingName/policies/:policyName',
  noun,
  summary: 'Attach a policy to every certificate of a thing',
  access: 'operator',
  params: Type.Object({ thingName: thingNameSchema, policyName: policyNameSchema }),
  answer: Type.Object({ certificateIds: Type.Array(certificateIdSchema) }),
});
