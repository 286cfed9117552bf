import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { sha256, timeMs } from './fields.ts';
import { pageQuery } from './names.ts';

const closed = { additionalProperties: false } as const;
const noun = 'endorsements';
const pem = Type.String({ minLength: 1, maxLength: 65_536, description: 'One certificate, PEM.' });

const endorsement = Type.Object({
  endorsementId: Type.String({
    description:
      'Of a key the SHA-256 of its SubjectPublicKeyInfo, of a root that of its certificate; lower-case hex.',
  }),
  kind: Type.Enum(['key', 'root'], {
    description: '`key`: one TPM’s endorsement key. `root`: a CA that certifies those of a vendor.',
  }),
  subject: Type.Optional(Type.String({ description: 'Of a root.' })),
  createdAtMs: timeMs,
  createdBy: Type.String(),
});

export const addEndorsement = defineRoute({
  method: 'POST',
  path: '/v1/endorsements',
  noun,
  summary: 'Trust the endorsement key of a TPM, by its hash or certificate, or a CA of a vendor of TPMs',
  access: 'operator',
  body: Type.Union([
    Type.Object({ ekHash: sha256 }, closed),
    Type.Object({ certificatePem: pem }, closed),
    Type.Object({ rootPem: pem }, closed),
  ]),
  status: 201,
  answer: endorsement,
});

export const listEndorsements = defineRoute({
  method: 'GET',
  path: '/v1/endorsements',
  noun,
  summary: 'List the endorsement keys and roots that are trusted, by id, a page at a time',
  access: 'operator',
  query: pageQuery(sha256),
  answer: Type.Object({
    endorsements: Type.Array(endorsement),
    next: Type.Optional(Type.String({ description: 'Give it as `after` for the next page.' })),
  }),
});

export const removeEndorsement = defineRoute({
  method: 'DELETE',
  path: '/v1/endorsements/:endorsementId',
  noun,
  summary: 'Trust an endorsement key or a root no more; certificates that were issued by it stay',
  access: 'operator',
  params: Type.Object({ endorsementId: sha256 }),
});
