import { Type } from 'typebox';
import { defineRoute } from '../route.ts';

const port = Type.Integer({ minimum: 0, maximum: 65_535 });

export const getPlatform = defineRoute({
  method: 'GET',
  path: '/v1/platform',
  noun: 'platform',
  summary: 'Show names, versions and ports of the platform',
  access: 'operator',
  answer: Type.Object({
    version: Type.String(),
    node: Type.String({ description: 'Name of this process in the trail.' }),
    region: Type.String({ description: 'What `REGION` is bound to in a policy.' }),
    accountId: Type.String({ description: 'What `ACCOUNT_ID` is bound to in a policy.' }),
    runtime: Type.Object({ node: Type.String(), openssl: Type.String() }),
    ports: Type.Object({
      mqtt: port,
      devices: port,
      public: port,
      operators: port,
      plainMqtt: Type.Optional(port),
    }),
  }),
});

/** The process runs; it says nothing of what stands behind it. */
export const getHealth = defineRoute({
  method: 'GET',
  path: '/healthz',
  noun: 'platform',
  summary: 'Whether the process runs',
  access: 'public',
  answer: Type.Object({ status: Type.Literal('ok') }),
});

/** Answers 503 `http.not_ready` until every part has started, and while stopping. */
export const getReadiness = defineRoute({
  method: 'GET',
  path: '/readyz',
  noun: 'platform',
  summary: 'Whether the platform can serve',
  access: 'public',
  answer: Type.Object({ status: Type.Literal('ready') }),
});

export const getMetrics = defineRoute({
  method: 'GET',
  path: '/metrics',
  noun: 'platform',
  summary: 'Metrics in the Prometheus text format',
  access: 'operator',
  answer: 'bytes',
});

export const getOpenApi = defineRoute({
  method: 'GET',
  path: '/openapi.json',
  noun: 'platform',
  summary: 'This description of the API, OpenAPI 3.1',
  access: 'public',
  answer: Type.Object({ openapi: Type.String() }, { additionalProperties: true }),
});
