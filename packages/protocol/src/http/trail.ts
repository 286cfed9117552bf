import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { sha256, timeMs } from './fields.ts';

const entry = Type.Object({
  node: Type.String(),
  seq: Type.Integer({ minimum: 1 }),
  prev: sha256,
  at: timeMs,
  kind: Type.String(),
  payloadHash: sha256,
});

const line = Type.Object({
  entry,
  salt: Type.Optional(Type.String({ description: 'Hex; absent when the payload was erased.' })),
  payload: Type.Optional(
    Type.String({ description: 'Canonical JSON text; absent when the payload was erased.' }),
  ),
});

const checkpoint = Type.Object({
  node: Type.String(),
  seq: Type.Integer({ minimum: 1 }),
  hash: sha256,
  at: timeMs,
  signature: Type.String({ description: 'Base64, Ed25519.' }),
});

export const listTrail = defineRoute({
  method: 'GET',
  path: '/v1/trail',
  noun: 'trail',
  summary: 'Read entries of the audit trail in order',
  access: 'operator',
  query: Type.Object({
    afterSeq: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Entries after this one; 0 when absent.' }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: '100 when absent.' })),
  }),
  answer: Type.Object({ entries: Type.Array(line) }),
});

/** JSON lines (`TrailLine`) for `verifyTrail`; the last one is a fresh checkpoint. */
export const exportTrail = defineRoute({
  method: 'GET',
  path: '/v1/trail/export',
  noun: 'trail',
  summary: 'Export the whole trail with its checkpoints as JSON lines, for offline verification',
  access: 'operator',
  answer: 'bytes',
});

/** Signs a checkpoint now; `checkpoint` is absent while the trail is empty. */
export const createTrailCheckpoint = defineRoute({
  method: 'POST',
  path: '/v1/trail/checkpoints',
  noun: 'trail',
  summary: 'Sign a checkpoint of the trail now, to be kept outside the platform',
  access: 'operator',
  status: 201,
  answer: Type.Object({ checkpoint: Type.Optional(checkpoint) }),
});

export const getTrailPublicKey = defineRoute({
  method: 'GET',
  path: '/v1/trail/public-key',
  noun: 'trail',
  summary: 'Show the key that verifies the checkpoints',
  access: 'operator',
  answer: Type.Object({
    algorithm: Type.Literal('ed25519'),
    publicKey: Type.String({ description: 'SubjectPublicKeyInfo, base64 of DER.' }),
  }),
});
