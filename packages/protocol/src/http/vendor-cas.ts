import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { certificateIdSchema } from './names.ts';

const closed = { additionalProperties: false } as const;
const noun = 'vendor-cas';
const params = Type.Object({ certificateId: certificateIdSchema });
const pem = Type.String({ minLength: 1, maxLength: 65_536, description: 'One certificate, PEM.' });
const state = Type.Enum(['active', 'inactive'], {
  description: 'Nothing that an inactive CA issued is believed.',
});
const templateName = Type.Optional(
  Type.String({
    pattern: '^[0-9A-Za-z_-]{1,36}$',
    description:
      'A device becomes a thing by this template at its first connection; without one its certificate waits for an operator.',
  }),
);

const vendorCa = Type.Object({
  certificateId: certificateIdSchema,
  subject: Type.String(),
  state,
  templateName,
  notAfterMs: timeMs,
  createdAtMs: timeMs,
  createdBy: Type.String(),
});

export const createVendorCaCode = defineRoute({
  method: 'POST',
  path: '/v1/vendor-ca-codes',
  noun,
  summary: 'Make a registration code, good once, which a vendor signs to show that it holds its CA’s key',
  access: 'operator',
  status: 201,
  answer: Type.Object({
    code: Type.String({ description: 'The common name of the verification certificate.' }),
    expiresAtMs: timeMs,
  }),
});

export const registerVendorCa = defineRoute({
  method: 'POST',
  path: '/v1/vendor-cas',
  noun,
  summary: 'Register the CA of a vendor, with proof that whoever sent it holds its key',
  access: 'operator',
  body: Type.Object({ caPem: pem, verificationPem: pem, templateName }, closed),
  status: 201,
  answer: vendorCa,
});

export const listVendorCas = defineRoute({
  method: 'GET',
  path: '/v1/vendor-cas',
  noun,
  summary: 'List the vendor CAs',
  access: 'operator',
  answer: Type.Object({ vendorCas: Type.Array(vendorCa) }),
});

export const getVendorCa = defineRoute({
  method: 'GET',
  path: '/v1/vendor-cas/:certificateId',
  noun,
  summary: 'Show a vendor CA',
  access: 'operator',
  params,
  answer: Type.Object({ ...vendorCa.properties, pem: Type.String() }),
});

export const setVendorCaState = defineRoute({
  method: 'PUT',
  path: '/v1/vendor-cas/:certificateId/state',
  noun,
  summary:
    'Switch a vendor CA off, which cuts and shuts out every device with a certificate of it, or on again',
  access: 'operator',
  params,
  body: Type.Object({ state }, closed),
  answer: Type.Object({
    certificateId: certificateIdSchema,
    state,
    sessionsCut: Type.Integer({ minimum: 0 }),
    queuesFrozen: Type.Integer({ minimum: 0 }),
  }),
});

export const removeVendorCa = defineRoute({
  method: 'DELETE',
  path: '/v1/vendor-cas/:certificateId',
  noun,
  summary: 'Delete a vendor CA that is inactive',
  access: 'operator',
  params,
});
