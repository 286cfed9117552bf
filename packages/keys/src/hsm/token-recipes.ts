import { createHash, createPublicKey } from 'node:crypto';
import type { SignerAlgorithm } from '@fleetward/core';
import { KeysError } from '../errors.ts';
import { ecdsaDer } from './ecdsa-der.ts';
import { type Attribute, cki, type Handle, type Mechanism } from './pkcs11.ts';
import type { OpenSession } from './token.ts';

/** How a token makes a key of one algorithm, and signs with it. */
export interface TokenRecipe {
  readonly generate: { readonly mechanism: number; readonly publicTemplate: readonly Attribute[] };
  readonly signMechanism: Mechanism;
  /** What the token is given of a message: where it can be, a digest, so that no message is too long for it. */
  readonly input: (message: Uint8Array) => Buffer;
  readonly signature: (raw: Buffer) => Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly readPublicKey: (open: OpenSession, object: Handle) => Uint8Array;
}

/** RFC 8017 §9.2: the DigestInfo of SHA-256 up to the digest. */
const sha256DigestInfo = Buffer.from('3031300d060960864801650304020105000420', 'hex');

const recipes: Readonly<Partial<Record<SignerAlgorithm, TokenRecipe>>> = {
  'ecdsa-p256-sha256': ec({ digest: 'sha256', curveOid: '06082a8648ce3d030107', crv: 'P-256', bytes: 32 }),
  'ecdsa-p384-sha384': ec({ digest: 'sha384', curveOid: '06052b81040022', crv: 'P-384', bytes: 48 }),
  'rsa-pkcs1-sha256': rsa({ mechanism: cki.rsaPkcs, parameter: null }, (message) =>
    Buffer.concat([sha256DigestInfo, digestOf('sha256', message)]),
  ),
  'rsa-pss-sha256': rsa(
    {
      mechanism: cki.rsaPkcsPss,
      // TUF 4.2: a salt of 32 bytes.
      parameter: { type: cki.pssParameters, hashAlg: cki.sha256, mgf: cki.mgf1Sha256, saltLen: 32 },
    },
    (message) => digestOf('sha256', message),
  ),
  ed25519: {
    // RFC 8410 §3: id-Ed25519.
    generate: {
      mechanism: cki.edwardsKeyPairGen,
      publicTemplate: [{ type: cki.ecParams, value: Buffer.from('06032b6570', 'hex') }],
    },
    signMechanism: { mechanism: cki.eddsa, parameter: null },
    input: (message) => Buffer.from(message),
    signature: (raw) => new Uint8Array(raw),
    readPublicKey: (open, object) =>
      spkiOf({ kty: 'OKP', crv: 'Ed25519', x: base64url(pointOf(open, object).subarray(-32)) }),
  },
};

/** Throws `keys.algorithm`. */
export function recipeOf(algorithm: SignerAlgorithm): TokenRecipe {
  const recipe = recipes[algorithm];
  if (recipe !== undefined) return recipe;
  throw new KeysError(
    'keys.algorithm',
    `keys in a token are ECDSA, RSA or Ed25519; \`${algorithm}\` is not made there`,
  );
}

function rsa(signMechanism: Mechanism, input: TokenRecipe['input']): TokenRecipe {
  return {
    generate: {
      mechanism: cki.rsaKeyPairGen,
      publicTemplate: [
        { type: cki.modulusBits, value: 3072 },
        { type: cki.publicExponent, value: Buffer.from('010001', 'hex') },
      ],
    },
    signMechanism,
    input,
    signature: (raw) => new Uint8Array(raw),
    readPublicKey: ({ pkcs11, session }, object) => {
      const [n, e] = pkcs11.C_GetAttributeValue(session, object, [
        { type: cki.modulus },
        { type: cki.publicExponent },
      ]);
      return spkiOf({ kty: 'RSA', n: base64url(n?.value), e: base64url(e?.value) });
    },
  };
}

function ec(curve: {
  readonly digest: 'sha256' | 'sha384';
  readonly curveOid: string;
  readonly crv: string;
  readonly bytes: number;
}): TokenRecipe {
  const { digest, curveOid, crv, bytes } = curve;
  const publicTemplate = [{ type: cki.ecParams, value: Buffer.from(curveOid, 'hex') }];
  return {
    generate: { mechanism: cki.ecKeyPairGen, publicTemplate },
    signMechanism: { mechanism: cki.ecdsa, parameter: null },
    input: (message) => digestOf(digest, message),
    signature: ecdsaDer,
    readPublicKey: (open, object) => {
      const xy = pointOf(open, object).subarray(-2 * bytes);
      return spkiOf({
        kty: 'EC',
        crv,
        x: base64url(xy.subarray(0, bytes)),
        y: base64url(xy.subarray(bytes)),
      });
    },
  };
}

/** An OCTET STRING around the point; some modules leave the wrapping away. */
function pointOf({ pkcs11, session }: OpenSession, object: Handle): Buffer {
  const [point] = pkcs11.C_GetAttributeValue(session, object, [{ type: cki.ecPoint }]);
  return point?.value ?? Buffer.alloc(0);
}

function digestOf(digest: 'sha256' | 'sha384', message: Uint8Array): Buffer {
  return createHash(digest).update(message).digest();
}

function spkiOf(key: Readonly<Record<string, string>>): Uint8Array {
  return new Uint8Array(createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'der' }));
}

function base64url(bytes: Buffer | undefined): string {
  return (bytes ?? Buffer.alloc(0)).toString('base64url');
}
