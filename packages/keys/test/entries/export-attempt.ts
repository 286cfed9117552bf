import { createRequire } from 'node:module';

// Tries to get every private key out of a token as whoever has its PIN, in a process of its own; says how each attempt ended.

const [packagePath = '', module = '', pin = ''] = process.argv.slice(2);
const p11 = createRequire(import.meta.url)(packagePath);
const pkcs11 = new p11.PKCS11();
pkcs11.load(module);
pkcs11.C_Initialize();
const session = pkcs11.C_OpenSession(
  pkcs11.C_GetSlotList(true)[0],
  p11.CKF_SERIAL_SESSION | p11.CKF_RW_SESSION,
);
pkcs11.C_Login(session, p11.CKU_USER, pin);
pkcs11.C_FindObjectsInit(session, [{ type: p11.CKA_CLASS, value: p11.CKO_PRIVATE_KEY }]);
const keys = pkcs11.C_FindObjects(session, 16);
pkcs11.C_FindObjectsFinal(session);
const aes = pkcs11.C_GenerateKey(session, { mechanism: p11.CKM_AES_KEY_GEN, parameter: null }, [
  { type: p11.CKA_VALUE_LEN, value: 32 },
  { type: p11.CKA_WRAP, value: true },
]);
const flags = {
  sensitive: p11.CKA_SENSITIVE,
  extractable: p11.CKA_EXTRACTABLE,
  neverExtractable: p11.CKA_NEVER_EXTRACTABLE,
};
for (const key of keys) {
  const entries = Object.entries(flags).map(([name, type]) => [
    name,
    pkcs11.C_GetAttributeValue(session, key, [{ type }])[0].value[0] === 1,
  ]);
  const label = pkcs11.C_GetAttributeValue(session, key, [{ type: p11.CKA_LABEL }])[0].value.toString();
  const [keyType] = pkcs11.C_GetAttributeValue(session, key, [{ type: p11.CKA_KEY_TYPE }]);
  const isRsa = keyType.value[0] === p11.CKK_RSA;
  const secret = isRsa ? p11.CKA_PRIVATE_EXPONENT : p11.CKA_VALUE;
  const said = {
    label,
    ...Object.fromEntries(entries),
    read: outcome(() => pkcs11.C_GetAttributeValue(session, key, [{ type: secret }])),
    wrap: outcome(() =>
      pkcs11.C_WrapKey(
        session,
        { mechanism: p11.CKM_AES_KEY_WRAP, parameter: null },
        aes,
        key,
        Buffer.alloc(8_192),
      ),
    ),
    makeExtractable: outcome(() =>
      pkcs11.C_SetAttributeValue(session, key, [{ type: p11.CKA_EXTRACTABLE, value: true }]),
    ),
  };
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

function outcome(attempt: () => unknown): string {
  try {
    attempt();
    return 'given';
  } catch (error) {
    return error instanceof Error ? error.message : 'unknown';
  }
}
