import { Type } from 'typebox';

const keyFile = Type.Object(
  { kind: Type.Literal('file'), path: Type.String({ minLength: 1 }) },
  { additionalProperties: false },
);
const keyVariable = Type.Object(
  { kind: Type.Literal('environment'), name: Type.String({ minLength: 1 }) },
  { additionalProperties: false },
);
const keyCredential = Type.Object(
  { kind: Type.Literal('systemd-credential'), name: Type.String({ minLength: 1 }) },
  { additionalProperties: false },
);

export const masterKey = Type.Union([keyFile, keyVariable, keyCredential], {
  default: { kind: 'file', path: 'master.key' },
  description:
    'Where the key that encrypts all others comes from: `{kind: file, path}` (relative to `folder`), `{kind: environment, name}` or `{kind: systemd-credential, name}`.',
});

export const previousMasterKeys = Type.Array(Type.Union([keyFile, keyVariable, keyCredential]), {
  default: [],
  maxItems: 8,
  description:
    'Master keys that still open what they sealed, each given like `masterKey`; nothing new is sealed under them. For a rotation (docs/how-to/master-key.md).',
});

export const hsm = Type.Union(
  [
    Type.Object({ kind: Type.Literal('off') }, { additionalProperties: false }),
    Type.Object(
      {
        kind: Type.Literal('pkcs11'),
        module: Type.String({ minLength: 1, maxLength: 4_096 }),
        package: Type.Optional(Type.String({ minLength: 1, maxLength: 4_096 })),
        tokenLabel: Type.String({ minLength: 1, maxLength: 32 }),
        pin: Type.Union([keyFile, keyVariable, keyCredential]),
        environment: Type.Optional(
          Type.Array(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' }), { maxItems: 16 }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    default: { kind: 'off' },
    description:
      'A PKCS #11 token that can hold keys of CAs: `{kind: off}`, or `{kind: pkcs11, module: /usr/lib/….so, tokenLabel: …, pin: …, environment: [NAME]}`. `pin` is given like `masterKey`; `package` is the folder of the compiled `pkcs11js`; `environment` names variables that the module reads (docs/how-to/keys-in-an-hsm.md).',
  },
);
