import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { certificateIdSchema, pageQuery, policyNameSchema, thingNameSchema } from './names.ts';

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
const certificateProfile = Type.Enum(
  ['device', 'provisioned', 'tpm-device', 'claim', 'operator', 'server', 'vendor'],
  {
    description: 'What it is for, `vendor`: a vendor CA issued it; docs/reference/certificate-profiles.md.',
  },
);

const effect = {
  sessionsCut: Type.Integer({ minimum: 0, description: 'Connections, with what was on its way on them.' }),
  queuesFrozen: Type.Integer({
    minimum: 0,
    description: 'Sessions kept for a device: nothing is added any more.',
  }),
};

const shownState = Type.Enum(['PENDING_ACTIVATION', 'ACTIVE', 'INACTIVE', 'REVOKED', 'EXPIRED'], {
  description: 'Only `ACTIVE` may speak. `EXPIRED` is what was active until its end.',
});

const certificate = Type.Object({
  certificateId: certificateIdSchema,
  serial: Type.String(),
  issuerId: certificateIdSchema,
  profile: certificateProfile,
  subject: Type.String(),
  state: shownState,
  issuerRemoved: Type.Optional(
    Type.Boolean({ description: 'True where its CA was removed: it may not speak, whatever its state.' }),
  ),
  notBeforeMs: timeMs,
  notAfterMs: timeMs,
  issuedAtMs: timeMs,
  revokedAtMs: Type.Optional(timeMs),
  revocationReason: Type.Optional(reason),
  isUnrecorded: Type.Optional(
    Type.Literal(true, {
      description:
        'The revocation is journalled and in force, and the database, which failed, does not have it yet: revoke again.',
    }),
  ),
  renews: Type.Optional(certificateIdSchema),
});

const csrCharactersMax = 24_000;
const requestsMax = 100;

const certificateRequest = Type.Object(
  {
    csr: Type.String({ minLength: 1, maxLength: csrCharactersMax, description: 'PKCS #10 in PEM.' }),
    name: Type.Optional(
      Type.String({ minLength: 1, maxLength: 128, description: 'Of the thing; else the CSR’s common name.' }),
    ),
    profile: Type.Optional(
      Type.Enum(['device', 'tpm-device', 'operator', 'server'], {
        description: 'Default device. Claims are made for a template: `POST /v1/claims`.',
      }),
    ),
    policyNames: Type.Optional(Type.Array(policyNameSchema, { maxItems: 10, uniqueItems: true })),
    validityDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_660 })),
    dnsNames: Type.Optional(Type.Array(Type.String({ maxLength: 253 }), { maxItems: 16, uniqueItems: true })),
    ipAddresses: Type.Optional(
      Type.Array(Type.String({ maxLength: 45 }), { maxItems: 16, uniqueItems: true }),
    ),
  },
  { additionalProperties: false },
);

const certificateIssued = Type.Object({
  outcome: Type.Union([Type.Literal('issued'), Type.Literal('repeated')], {
    description:
      '`repeated`: the same key, name and profile were given before, and this is the certificate of then.',
  }),
  name: Type.String(),
  certificateId: certificateIdSchema,
  chain: Type.String({ description: 'PEM, the certificate first, without the root.' }),
  otherCertificateIds: Type.Optional(
    Type.Array(certificateIdSchema, {
      description: 'Others that speak for the thing, or may again.',
    }),
  ),
});

const certificateRefused = Type.Object({
  outcome: Type.Literal('refused'),
  reason: Type.String({ description: 'A code of docs/how-to/read-a-denial.md.' }),
  explanation: Type.String(),
});

export const issueCertificates = defineRoute({
  method: 'POST',
  path: '/v1/certificates',
  noun: 'certificates',
  summary: 'Issue certificates for CSRs, up to a hundred at once: one result a request, in their order',
  access: 'operator',
  body: Type.Object(
    { requests: Type.Array(certificateRequest, { minItems: 1, maxItems: requestsMax }) },
    { additionalProperties: false },
  ),
  answer: Type.Object({ results: Type.Array(Type.Union([certificateIssued, certificateRefused])) }),
});

const certificateParams = Type.Object({ certificateId: certificateIdSchema });
const noun = 'certificates';

export const listCertificates = defineRoute({
  method: 'GET',
  path: '/v1/certificates',
  noun,
  summary: 'List certificates by id, a page at a time',
  access: 'operator',
  query: Type.Object(
    {
      ...pageQuery(certificateIdSchema).properties,
      state: Type.Optional(shownState),
      profile: Type.Optional(certificateProfile),
      issuerId: Type.Optional(certificateIdSchema),
      thingName: Type.Optional(thingNameSchema),
      endsWithinMs: Type.Optional(
        Type.Integer({ minimum: 0, description: 'Those that are not over yet, and will be so soon.' }),
      ),
    },
    { additionalProperties: false },
  ),
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

const revocation = Type.Object({
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
      successors: Type.Optional(
        Type.Boolean({
          description:
            'Also those that were renewed from it. Default true, but for `superseded` and `cessationOfOperation`.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  answer: Type.Object({
    ...revocation.properties,
    successors: Type.Array(revocation, { description: 'What was renewed from it and is revoked with it.' }),
    otherCertificateIds: Type.Array(certificateIdSchema, {
      description: 'Other certificates of its things that may speak, or again, or still be renewed.',
    }),
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
