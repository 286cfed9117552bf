import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { certificateIdSchema, pageQuery, thingNameSchema } from './names.ts';

const reason = Type.Union(
  [
    Type.Literal('unspecified'),
    Type.Literal('keyCompromise'),
    Type.Literal('cACompromise'),
    Type.Literal('affiliationChanged'),
    Type.Literal('superseded'),
    Type.Literal('cessationOfOperation'),
    Type.Literal('privilegeWithdrawn'),
    Type.Literal('certificateHold'),
  ],
  { description: 'RFC 5280 §5.3.1. Only `certificateHold` can be lifted.' },
);

/** What a certificate is for, as `@fleetward/pki` names it: a claim certificate may only provision. */
const certificateProfile = Type.Enum(['device', 'provisioned', 'tpm-device', 'claim', 'operator', 'server'], {
  description: 'What it is for; docs/reference/certificate-profiles.md.',
});

const effect = {
  sessionsCut: Type.Integer({ minimum: 0, description: 'Connections, with what was on its way on them.' }),
  queuesFrozen: Type.Integer({
    minimum: 0,
    description: 'Sessions kept for a device: nothing is added any more.',
  }),
};

const certificate = Type.Object({
  certificateId: certificateIdSchema,
  serial: Type.String(),
  issuerId: certificateIdSchema,
  profile: certificateProfile,
  subject: Type.String(),
  state: Type.Enum(['PENDING_ACTIVATION', 'ACTIVE', 'INACTIVE', 'REVOKED', 'EXPIRED'], {
    description: 'Only `ACTIVE` may speak. `EXPIRED` is what was active until its end.',
  }),
  notBeforeMs: timeMs,
  notAfterMs: timeMs,
  issuedAtMs: timeMs,
  revokedAtMs: Type.Optional(timeMs),
  revocationReason: Type.Optional(reason),
});

const certificateParams = Type.Object({ certificateId: certificateIdSchema });
const noun = 'certificates';

export const listCertificates = defineRoute({
  method: 'GET',
  path: '/v1/certificates',
  noun,
  summary: 'List certificates by id, a page at a time',
  access: 'operator',
  query: pageQuery(certificateIdSchema),
  answer: Type.Object({
    certificates: Type.Array(certificate),
    next: Type.Optional(Type.String({ description: 'Give it as `after` for the next page.' })),
  }),
});

export const getCertificate = defineRoute({
  method: 'GET',
  path: '/v1/certificates/:certificateId',
  noun,
  summary: 'Show a certificate',
  access: 'operator',
  params: certificateParams,
  answer: Type.Object({
    ...certificate.properties,
    pem: Type.String(),
    thingNames: Type.Array(thingNameSchema),
    policyNames: Type.Array(Type.String()),
  }),
});

export const revokeCertificate = defineRoute({
  method: 'POST',
  path: '/v1/certificates/:certificateId/revoke',
  noun,
  summary:
    'Revoke a certificate, for ever unless it is a hold: its live sessions are cut, the CRL is signed again',
  access: 'operator',
  params: certificateParams,
  body: Type.Object(
    {
      reason: Type.Optional(reason),
      wait: Type.Optional(
        Type.Boolean({ description: 'Answer only once the new CRL is signed. Default true.' }),
      ),
    },
    { additionalProperties: false },
  ),
  answer: Type.Object({
    certificateId: certificateIdSchema,
    outcome: Type.Union([Type.Literal('revoked'), Type.Literal('already-revoked')]),
    revokedAtMs: timeMs,
    steps: Type.Array(
      Type.Object({
        step: Type.Union([
          Type.Literal('requested'),
          Type.Literal('journalled'),
          Type.Literal('committed'),
          Type.Literal('in-force'),
          Type.Literal('sessions-cut'),
          Type.Literal('crl-signed'),
        ]),
        atMs: timeMs,
      }),
      { description: 'When each step was done, in order.' },
    ),
    ...effect,
    crlNumber: Type.Optional(Type.Integer({ minimum: 0 })),
  }),
});

export const removeCertificate = defineRoute({
  method: 'DELETE',
  path: '/v1/certificates/:certificateId',
  noun,
  summary:
    'Delete a certificate that nothing is attached to and that may not speak; an inactive one is revoked before, and stays on the CRL',
  access: 'operator',
  params: certificateParams,
});

export const unholdCertificate = defineRoute({
  method: 'POST',
  path: '/v1/certificates/:certificateId/unhold',
  noun,
  summary:
    'Lift a `certificateHold`: the certificate is what it was before, and the next CRL does not name it',
  access: 'operator',
  params: certificateParams,
  answer: Type.Object({
    certificateId: certificateIdSchema,
    outcome: Type.Enum(['lifted', 'not-held'], { description: '`not-held`: it was not revoked.' }),
    state: Type.Enum(['PENDING_ACTIVATION', 'ACTIVE', 'INACTIVE', 'REVOKED']),
    crlNumber: Type.Optional(Type.Integer({ minimum: 0 })),
  }),
});

export const setCertificateState = defineRoute({
  method: 'PUT',
  path: '/v1/certificates/:certificateId/state',
  noun,
  summary: 'Switch a certificate on, or off: then its live sessions are cut at once',
  access: 'operator',
  params: certificateParams,
  body: Type.Object(
    {
      state: Type.Enum(['ACTIVE', 'INACTIVE']),
      reason: Type.Optional(
        Type.String({ minLength: 1, maxLength: 256, description: 'In your words, for the trail.' }),
      ),
    },
    { additionalProperties: false },
  ),
  answer: Type.Object({
    certificateId: certificateIdSchema,
    state: Type.Enum(['ACTIVE', 'INACTIVE']),
    outcome: Type.Enum(['changed', 'unchanged'], { description: '`unchanged`: it was in this state.' }),
    ...effect,
  }),
});
