import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { certificateIdSchema, thingNameSchema } from './names.ts';

const closed = { additionalProperties: false } as const;
const noun = 'provisioning-templates';
const templateNameSchema = Type.String({ pattern: '^[0-9A-Za-z_-]{1,36}$' });
const versionIdSchema = Type.Integer({ minimum: 1 });
const body = Type.String({
  minLength: 2,
  maxLength: 10_240,
  description: 'A fleet provisioning template as AWS IoT writes it, as text.',
});
const hookUrl = Type.String({
  minLength: 1,
  maxLength: 1_024,
  description:
    'Asked before each provisioning; only `https`, and only hosts of the setting `provisioning.hookHosts`.',
});
const templateParams = Type.Object({ templateName: templateNameSchema });

const template = Type.Object({
  templateName: templateNameSchema,
  defaultVersionId: versionIdSchema,
  isEnabled: Type.Boolean(),
  mayRejoin: Type.Boolean({
    description: 'Whether a device may take a name that an active certificate speaks for already.',
  }),
  hookUrl: Type.Optional(hookUrl),
  createdAtMs: timeMs,
});

const notes = Type.Array(Type.String(), {
  description: 'Policies and groups of it that are not there: nobody is provisioned until they are.',
});

export const createProvisioningTemplate = defineRoute({
  method: 'POST',
  path: '/v1/provisioning-templates',
  noun,
  summary: 'Store a provisioning template with its first version, in force at once',
  access: 'operator',
  body: Type.Object(
    {
      templateName: templateNameSchema,
      template: body,
      mayRejoin: Type.Optional(Type.Boolean({ description: 'Default false.' })),
      hookUrl: Type.Optional(hookUrl),
    },
    closed,
  ),
  status: 201,
  answer: Type.Object({ ...template.properties, notes }),
});

export const listProvisioningTemplates = defineRoute({
  method: 'GET',
  path: '/v1/provisioning-templates',
  noun,
  summary: 'List the provisioning templates',
  access: 'operator',
  answer: Type.Object({ templates: Type.Array(template) }),
});

const version = Type.Object({ versionId: versionIdSchema, createdAtMs: timeMs });

export const getProvisioningTemplate = defineRoute({
  method: 'GET',
  path: '/v1/provisioning-templates/:templateName',
  noun,
  summary: 'A provisioning template with the text in force and its versions',
  access: 'operator',
  params: templateParams,
  query: Type.Object({ versionId: Type.Optional(versionIdSchema) }, closed),
  answer: Type.Object({
    ...template.properties,
    versionId: Type.Integer({ minimum: 1, description: 'Of the text.' }),
    template: body,
    notes,
    versions: Type.Array(version),
  }),
});

export const updateProvisioningTemplate = defineRoute({
  method: 'PATCH',
  path: '/v1/provisioning-templates/:templateName',
  noun,
  summary: 'Switch a template on or off, put a version in force, or change its hook; what is not named stays',
  access: 'operator',
  params: templateParams,
  body: Type.Object(
    {
      defaultVersionId: Type.Optional(versionIdSchema),
      isEnabled: Type.Optional(Type.Boolean()),
      mayRejoin: Type.Optional(Type.Boolean()),
      hookUrl: Type.Optional(Type.Union([hookUrl, Type.Null()], { description: '`null` takes it away.' })),
    },
    closed,
  ),
  answer: template,
});

export const createProvisioningTemplateVersion = defineRoute({
  method: 'POST',
  path: '/v1/provisioning-templates/:templateName/versions',
  noun,
  summary: 'Store a new version of a template, at most five',
  access: 'operator',
  params: templateParams,
  body: Type.Object(
    { template: body, setAsDefault: Type.Optional(Type.Boolean({ description: 'Default false.' })) },
    closed,
  ),
  status: 201,
  answer: Type.Object({ ...version.properties, notes }),
});

export const removeProvisioningTemplateVersion = defineRoute({
  method: 'DELETE',
  path: '/v1/provisioning-templates/:templateName/versions/:versionId',
  noun,
  summary: 'Remove a version of a template that is not in force',
  access: 'operator',
  params: Type.Object({
    templateName: templateNameSchema,
    versionId: Type.String({ pattern: '^[1-9][0-9]{0,8}$' }),
  }),
});

export const removeProvisioningTemplate = defineRoute({
  method: 'DELETE',
  path: '/v1/provisioning-templates/:templateName',
  noun,
  summary: 'Remove a template that no valid claim provisions by',
  access: 'operator',
  params: templateParams,
});

export const getProvisioningHookKey = defineRoute({
  method: 'GET',
  path: '/v1/provisioning-hook-key',
  noun,
  summary: 'Show the key that verifies the signature of requests to hooks (RFC 9421)',
  access: 'operator',
  answer: Type.Object({
    algorithm: Type.Literal('ed25519'),
    keyId: Type.String({ description: 'The `keyid` of the signature: lower-case hex SHA-256 of the key.' }),
    publicKey: Type.String({ description: 'SubjectPublicKeyInfo, base64 of DER.' }),
  }),
});

const claimUses = Type.Integer({
  minimum: 1,
  maximum: 1_000_000,
  description: 'Certificates that it may ask for in its life; any number where this is missing.',
});

const claim = Type.Object({
  certificateId: certificateIdSchema,
  templateName: templateNameSchema,
  createdAtMs: timeMs,
  expiresAtMs: timeMs,
  createdBy: Type.String(),
  usesMax: Type.Optional(claimUses),
  usesLeft: Type.Optional(Type.Integer()),
  thingName: Type.Optional(thingNameSchema),
});

export const createClaim = defineRoute({
  method: 'POST',
  path: '/v1/claims',
  noun: 'claims',
  summary: 'Make a claim certificate, which may provision devices by one template and do nothing else',
  access: 'operator',
  body: Type.Object(
    {
      templateName: templateNameSchema,
      expiresInSeconds: Type.Optional(
        Type.Integer({
          minimum: 60,
          maximum: 316_224_000,
          description:
            'Default 300, for one device that a person installs; a factory gives its devices one for longer.',
        }),
      ),
      usesMax: Type.Optional(claimUses),
      thingName: Type.Optional(
        Type.String({
          ...thingNameSchema,
          description:
            'The one thing that it may provision, also one whose device was shut out by a revocation before.',
        }),
      ),
      csr: Type.Optional(
        Type.String({
          maxLength: 16_384,
          description:
            'PKCS #10, PEM: its key is used and nothing else of it. Without one the platform makes the key.',
        }),
      ),
    },
    closed,
  ),
  status: 201,
  answer: Type.Object({
    ...claim.properties,
    certificatePem: Type.String({ description: 'The certificate and what it chains to, without the root.' }),
    privateKeyPem: Type.Optional(
      Type.String({ description: 'PKCS #8; this answer is the only place where it is ever shown.' }),
    ),
  }),
});

export const getClaim = defineRoute({
  method: 'GET',
  path: '/v1/claims/:certificateId',
  noun: 'claims',
  summary: 'Show a claim that has not ended',
  access: 'operator',
  params: Type.Object({ certificateId: certificateIdSchema }),
  answer: claim,
});

export const listClaims = defineRoute({
  method: 'GET',
  path: '/v1/claims',
  noun: 'claims',
  summary: 'List the claims that have not ended; one is revoked like any certificate',
  access: 'operator',
  answer: Type.Object({ claims: Type.Array(claim) }),
});
