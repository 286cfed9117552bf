import { Type } from 'typebox';
import { pathHashesMax } from '../issuance-log/verify-proofs.ts';
import { defineRoute } from '../route.ts';
import { sha256, timeMs } from './fields.ts';
import { certificateIdSchema } from './names.ts';

const noun = 'issuance-log';

const size = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Entries.' });

const treeHeadSchema = Type.Object(
  {
    size,
    rootHash: sha256,
    at: timeMs,
    signature: Type.String({
      maxLength: 128,
      description: 'Base64, Ed25519 over TreeHeadDataV2 (RFC 9162 §4.9).',
    }),
  },
  { description: 'A signed tree head (RFC 9162 §4.10).' },
);

const entry = Type.Object({
  index: Type.Integer({ minimum: 0 }),
  at: timeMs,
  certificateId: certificateIdSchema,
});

const path = Type.Array(sha256, {
  maxItems: pathHashesMax,
  description: 'Hashes of the proof, the nearest to the leaf first.',
});

const inclusion = {
  entry,
  path,
  head: treeHeadSchema,
  consistency: Type.Optional(path),
};

const sinceKnown = Type.Object(
  {
    size: Type.Optional({
      ...size,
      description: 'Size of a head that is known; with it comes the proof that the log only grew (§2.1.4).',
    }),
  },
  { additionalProperties: false },
);

export const getIssuanceLogHead = defineRoute({
  method: 'GET',
  path: '/v1/issuance-log/head',
  noun,
  summary: 'Show the newest signed head of the log of issued certificates, and the key that verifies it',
  access: 'operator',
  answer: Type.Object({
    head: treeHeadSchema,
    algorithm: Type.Literal('ed25519'),
    publicKey: Type.String({ description: 'SubjectPublicKeyInfo, base64 of DER.' }),
    waiting: Type.Integer({ minimum: 0, description: 'Issued certificates that wait for their entry.' }),
  }),
});

export const listIssuanceLogEntries = defineRoute({
  method: 'GET',
  path: '/v1/issuance-log/entries',
  noun,
  summary: 'List entries of the issuance log in order, as far as the newest head covers them',
  access: 'operator',
  query: Type.Object(
    {
      from: Type.Optional(Type.Integer({ minimum: 0, description: 'The first index; 0 when absent.' })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: '1000 when absent.' })),
    },
    { additionalProperties: false },
  ),
  answer: Type.Object({ entries: Type.Array(entry) }),
});

export const getIssuanceLogInclusion = defineRoute({
  method: 'GET',
  path: '/v1/issuance-log/inclusion/:certificateId',
  noun,
  summary: 'Prove that a certificate is in the issuance log (RFC 9162 §2.1.3)',
  access: 'operator',
  params: Type.Object({ certificateId: certificateIdSchema }),
  query: sinceKnown,
  answer: Type.Object(inclusion),
});

export const getIssuanceLogConsistency = defineRoute({
  method: 'GET',
  path: '/v1/issuance-log/consistency',
  noun,
  summary: 'Prove that the log only grew since it had so many entries (RFC 9162 §2.1.4)',
  access: 'operator',
  query: Type.Object({ size }, { additionalProperties: false }),
  answer: Type.Object({ path, head: treeHeadSchema }),
});

/** What a device needs to check the log by itself: its own certificate, and that nothing was taken back since it last looked. */
export const getOwnInclusion = defineRoute({
  method: 'GET',
  path: '/v1/own-certificate/inclusion',
  noun,
  summary: 'Prove to a device that its certificate is in the issuance log, and that the log only grew',
  access: 'device',
  query: sinceKnown,
  answer: Type.Object({
    ...inclusion,
    publicKey: Type.String({ description: 'SubjectPublicKeyInfo, base64 of DER.' }),
  }),
});
