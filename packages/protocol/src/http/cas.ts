import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { certificateIdSchema, thingNameSchema } from './names.ts';

const noun = 'cas';
const certificateParams = Type.Object({ certificateId: certificateIdSchema });

/** What a CA may sign with. RSA has 3,072 bits. */
const keyAlgorithm = Type.Union(
  [
    Type.Literal('ecdsa-p256'),
    Type.Literal('ecdsa-p384'),
    Type.Literal('ed25519'),
    Type.Literal('rsa-3072'),
    Type.Literal('ml-dsa-44'),
    Type.Literal('ml-dsa-65'),
    Type.Literal('ml-dsa-87'),
  ],
  {
    description:
      'What it signs with; RSA is PKCS #1 v1.5 with SHA-256. ML-DSA is experimental: it needs the setting `experimental.mlDsa`.',
  },
);

const keyStore = Type.Union([Type.Literal('file'), Type.Literal('hsm')], {
  description:
    'Where the key is made and stays: sealed in the folder, or in the token of the setting `hsm`. Default `file`.',
});

const ca = Type.Object({
  certificateId: certificateIdSchema,
  kind: Type.Union([Type.Literal('root'), Type.Literal('issuing'), Type.Literal('cross')], {
    description: '`cross`: the key of a root, certified by another root.',
  }),
  state: Type.Union([Type.Literal('active'), Type.Literal('retired'), Type.Literal('removed')]),
  subject: Type.String(),
  notAfterMs: timeMs,
  createdAtMs: timeMs,
  pem: Type.String(),
});

export const listCas = defineRoute({
  method: 'GET',
  path: '/v1/cas',
  noun,
  summary: 'List the certificate authorities (CAs)',
  access: 'operator',
  answer: Type.Object({ cas: Type.Array(ca) }),
});

export const getCa = defineRoute({
  method: 'GET',
  path: '/v1/cas/:certificateId',
  noun,
  summary: 'Show a certificate authority',
  access: 'operator',
  params: certificateParams,
  answer: ca,
});

export const setCaState = defineRoute({
  method: 'PUT',
  path: '/v1/cas/:certificateId/state',
  noun,
  summary: 'Retire a CA (it issues no more) or remove it (nothing it issued is trusted any more)',
  access: 'operator',
  params: certificateParams,
  body: Type.Object(
    { state: Type.Union([Type.Literal('active'), Type.Literal('retired'), Type.Literal('removed')]) },
    { additionalProperties: false },
  ),
});

export const requestCa = defineRoute({
  method: 'POST',
  path: '/v1/cas/requests',
  noun,
  summary: 'Make the key of another issuing CA, and the CSR with which a root certifies it',
  access: 'operator',
  body: Type.Object(
    {
      commonName: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
      algorithm: Type.Optional(keyAlgorithm),
      store: Type.Optional(keyStore),
    },
    { additionalProperties: false },
  ),
  answer: Type.Object({
    keyName: Type.String({
      description: 'In the signing process. Asked again before it has a certificate, it is the same key.',
    }),
    subject: Type.String(),
    algorithm: keyAlgorithm,
    store: keyStore,
    pem: Type.String({ description: 'PKCS #10.' }),
  }),
});

export const importCas = defineRoute({
  method: 'POST',
  path: '/v1/cas',
  noun,
  summary:
    'Take roots, cross-certificates and issuing CAs into use, all or none; the newest issuing CA issues from then on',
  access: 'operator',
  body: Type.Object(
    {
      pem: Type.String({ maxLength: 262_144, description: 'One certificate or several, in any order.' }),
      withoutCross: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 256,
          description:
            'Why devices that trust a root of today alone shall believe the platform no more, for the trail. Else such an import is refused.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  answer: Type.Object({ cas: Type.Array(ca, { description: 'Those that were not there before.' }) }),
});

const unreadyReason = Type.Union([Type.Literal('certificate'), Type.Literal('server-trust')], {
  description:
    '`certificate`: what it presents would be refused. `server-trust`: it may know no root by which it would believe the platform.',
});

export const getCaReadiness = defineRoute({
  method: 'GET',
  path: '/v1/cas/:certificateId/readiness',
  noun,
  summary: 'Simulate the removal of a CA: whom it would shut out now, and why',
  access: 'operator',
  params: certificateParams,
  query: Type.Object(
    {
      limit: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 1_000, description: 'Certificates listed; default 100.' }),
      ),
    },
    { additionalProperties: false },
  ),
  answer: Type.Object({
    inForce: Type.Integer({ minimum: 0, description: 'Certificates in force.' }),
    unready: Type.Integer({ minimum: 0, description: 'Of these, those that the removal would hurt.' }),
    byReason: Type.Object({ certificate: Type.Integer(), 'server-trust': Type.Integer() }),
    canIssue: Type.Boolean({ description: 'Whether an active issuing CA would be left.' }),
    rootsLost: Type.Array(certificateIdSchema, {
      description: 'Roots from which the platform’s own chain would verify no more.',
    }),
    certificates: Type.Array(
      Type.Object({
        certificateId: certificateIdSchema,
        issuerId: certificateIdSchema,
        notAfterMs: timeMs,
        reasons: Type.Array(unreadyReason),
        thingNames: Type.Array(thingNameSchema),
        lastSeenMs: Type.Optional(
          Type.Integer({
            minimum: 0,
            description: 'When one of its things last did something, or reported.',
          }),
        ),
      }),
      { description: 'Those that end last come first.' },
    ),
  }),
});
