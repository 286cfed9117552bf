import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { thingNameSchema } from './names.ts';

const entry = Type.Object({
  action: Type.String({ description: '`iot:Publish`, …' }),
  outcome: Type.Union([Type.Literal('allowed'), Type.Literal('denied')]),
  resource: Type.String({ description: '`topic/a/b`, `topicfilter/a/#`, `client/c`' }),
  isGeneralised: Type.Boolean({ description: '`*` in the resource stands for more than was kept apart.' }),
  count: Type.Integer({ minimum: 0 }),
  firstSeenMs: timeMs,
  lastSeenMs: timeMs,
});

export const getActivity = defineRoute({
  method: 'GET',
  path: '/v1/activity/:thingName',
  noun: 'activity',
  summary: 'Show what a thing did and what it was denied, as far as it is kept',
  access: 'operator',
  params: Type.Object({ thingName: thingNameSchema }),
  answer: Type.Object({
    thingName: thingNameSchema,
    isSampled: Type.Boolean({
      description: 'More went on at once than was looked at one by one: rare requests may be missing.',
    }),
    entries: Type.Array(entry),
  }),
});
