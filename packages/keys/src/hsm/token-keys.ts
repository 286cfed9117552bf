import { createHash, createPublicKey, randomBytes } from 'node:crypto';
import type { SignerAlgorithm } from '@fleetward/core';
import { KeysError } from '../errors.ts';
import type { KeyName } from '../names.ts';
import { ecdsaDer } from './ecdsa-der.ts';
import { type Attribute, cki, type Handle } from './pkcs11.ts';
import type { OpenSession, Token } from './token.ts';

interface Recipe {
  readonly digest: 'sha256' | 'sha384';
  readonly generate: { readonly mechanism: number; readonly publicTemplate: readonly Attribute[] };
  readonly signMechanism: number;
  /** What the token signs, of a digest. */
  readonly input: (digest: Buffer) => Buffer;
  readonly signature: (raw: Buffer) => Uint8Array;
  readonly readPublicKey: (open: OpenSession, object: Handle) => Uint8Array;
}

/** RFC 8017 §9.2: the DigestInfo of SHA-256 up to the digest. */
const sha256DigestInfo = Buffer.from('3031300d060960864801650304020105000420', 'hex');

const recipes: Readonly<Partial<Record<SignerAlgorithm, Recipe>>> = {
  'ecdsa-p256-sha256': ec({ digest: 'sha256', curveOid: '06082a8648ce3d030107', crv: 'P-256', bytes: 32 }),
  'ecdsa-p384-sha384': ec({ digest: 'sha384', curveOid: '06052b81040022', crv: 'P-384', bytes: 48 }),
  'rsa-pkcs1-sha256': {
    digest: 'sha256',
    generate: {
      mechanism: cki.rsaKeyPairGen,
      publicTemplate: [
        { type: cki.modulusBits, value: 3072 },
        { type: cki.publicExponent, value: Buffer.from('010001', 'hex') },
      ],
    },
    signMechanism: cki.rsaPkcs,
    input: (digest) => Buffer.concat([sha256DigestInfo, digest]),
    signature: (raw) => new Uint8Array(raw),
    readPublicKey: ({ pkcs11, session }, object) => {
      const [n, e] = pkcs11.C_GetAttributeValue(session, object, [
        { type: cki.modulus },
        { type: cki.publicExponent },
      ]);
      return spkiOf({ kty: 'RSA', n: base64url(n?.value), e: base64url(e?.value) });
    },
  },
};

const signatureBytesMax = 1024;

/** Makes a key inside the token: it is sensitive and not extractable from its first moment. Throws `keys.hsm`, `keys.algorithm`. */
export function generateInToken(
  token: Token,
  { name, algorithm }: { readonly name: KeyName; readonly algorithm: SignerAlgorithm },
): { readonly keyId: Uint8Array; readonly publicKey: Uint8Array } {
  const { generate, readPublicKey } = recipeOf(algorithm);
  const keyId = randomBytes(16);
  return token.use(`make the key \`${name}\``, (open) => {
    const common = [
      { type: cki.token, value: true },
      { type: cki.id, value: keyId },
      { type: cki.label, value: `fleetward ${name}` },
    ];
    const pair = open.pkcs11.C_GenerateKeyPair(
      open.session,
      { mechanism: generate.mechanism, parameter: null },
      [...common, { type: cki.verify, value: true }, ...generate.publicTemplate],
      [
        ...common,
        { type: cki.private, value: true },
        { type: cki.sensitive, value: true },
        { type: cki.extractable, value: false },
        { type: cki.sign, value: true },
      ],
    );
    return { keyId, publicKey: readPublicKey(open, pair.publicKey) };
  });
}

/** Signs with the key of this id, looked up each time: its handle does not outlive a session. */
export function signInToken(
  token: Token,
  key: { readonly name: KeyName; readonly keyId: Uint8Array; readonly algorithm: SignerAlgorithm },
  message: Uint8Array,
): Uint8Array {
  const { digest, signMechanism, input, signature } = recipeOf(key.algorithm);
  const data = input(createHash(digest).update(message).digest());
  return token.use(`sign with \`${key.name}\``, (open) => {
    const { pkcs11, session } = open;
    pkcs11.C_SignInit(session, { mechanism: signMechanism, parameter: null }, findKey(open, key));
    return signature(pkcs11.C_Sign(session, data, Buffer.alloc(signatureBytesMax)));
  });
}

/** Throws `keys.hsm` when the token does not have the key. */
export function assertInToken(
  token: Token,
  key: { readonly name: KeyName; readonly keyId: Uint8Array },
): void {
  token.use(`have the key \`${key.name}\``, (open) => void findKey(open, key));
}

function findKey(
  { pkcs11, session }: OpenSession,
  { name, keyId }: { readonly name: KeyName; readonly keyId: Uint8Array },
): Handle {
  const template = [
    { type: cki.class, value: cki.privateKey },
    { type: cki.id, value: Buffer.from(keyId) },
  ];
  pkcs11.C_FindObjectsInit(session, template);
  try {
    const [found, second] = pkcs11.C_FindObjects(session, 2);
    if (found !== undefined && second === undefined) return found;
  } finally {
    pkcs11.C_FindObjectsFinal(session);
  }
  throw new KeysError('keys.hsm', `the token does not hold the key \`${name}\`, or holds two of its id`);
}

function recipeOf(algorithm: SignerAlgorithm): Recipe {
  const recipe = recipes[algorithm];
  if (recipe !== undefined) return recipe;
  throw new KeysError(
    'keys.algorithm',
    `keys in a token are ECDSA or RSA; \`${algorithm}\` is not made there`,
  );
}

function ec(curve: {
  readonly digest: 'sha256' | 'sha384';
  readonly curveOid: string;
  readonly crv: string;
  readonly bytes: number;
}): Recipe {
  const { digest, curveOid, crv, bytes } = curve;
  const publicTemplate = [{ type: cki.ecParams, value: Buffer.from(curveOid, 'hex') }];
  return {
    digest,
    generate: { mechanism: cki.ecKeyPairGen, publicTemplate },
    signMechanism: cki.ecdsa,
    input: (hash) => hash,
    signature: ecdsaDer,
    readPublicKey: ({ pkcs11, session }, object) => {
      const [point] = pkcs11.C_GetAttributeValue(session, object, [{ type: cki.ecPoint }]);
      // An OCTET STRING around the uncompressed point; some modules leave the wrapping away.
      const xy = (point?.value ?? Buffer.alloc(0)).subarray(-2 * bytes);
      return spkiOf({
        kty: 'EC',
        crv,
        x: base64url(xy.subarray(0, bytes)),
        y: base64url(xy.subarray(bytes)),
      });
    },
  };
}

function spkiOf(key: Readonly<Record<string, string>>): Uint8Array {
  return new Uint8Array(createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'der' }));
}

function base64url(bytes: Buffer | undefined): string {
  return (bytes ?? Buffer.alloc(0)).toString('base64url');
}
