import { constants, generateKeyPairSync, type KeyObject, type SignKeyObjectInput, sign } from 'node:crypto';
import type { MlDsaAlgorithm, SignerAlgorithm } from '@fleetward/core';
import { KeysError } from './errors.ts';

/** NIST SP 800-57: as strong as P-256 or nearly so; a CA key lives for years. */
const generatedRsaBits = 3072;
const acceptedRsaBitsMin = 2048;

interface Recipe {
  readonly digest: 'sha256' | 'sha384' | undefined;
  /** What differs from the defaults, of which a DER `Ecdsa-Sig-Value` is one. */
  readonly options?: Omit<SignKeyObjectInput, 'key'>;
  readonly generate: () => KeyObject;
  readonly fits: (key: KeyObject) => boolean;
}

const rsa = {
  generate: () => generateKeyPairSync('rsa', { modulusLength: generatedRsaBits }).privateKey,
  fits: (key: KeyObject) =>
    key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= acceptedRsaBitsMin,
};

const recipes: Readonly<Record<SignerAlgorithm, Recipe>> = {
  'ecdsa-p256-sha256': { digest: 'sha256', ...curve('prime256v1') },
  'ecdsa-p384-sha384': { digest: 'sha384', ...curve('secp384r1') },
  ed25519: {
    digest: undefined,
    generate: () => generateKeyPairSync('ed25519').privateKey,
    fits: (key) => key.asymmetricKeyType === 'ed25519',
  },
  'rsa-pkcs1-sha256': { digest: 'sha256', options: { padding: constants.RSA_PKCS1_PADDING }, ...rsa },
  'rsa-pss-sha256': {
    digest: 'sha256',
    options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
    ...rsa,
  },
  'ml-dsa-44': mlDsa('ml-dsa-44'),
  'ml-dsa-65': mlDsa('ml-dsa-65'),
  'ml-dsa-87': mlDsa('ml-dsa-87'),
};

/** Narrows text to an algorithm this package signs with. */
export function isSignerAlgorithm(text: unknown): text is SignerAlgorithm {
  return typeof text === 'string' && Object.hasOwn(recipes, text);
}

/** A new private key: RSA has 3072 bits. */
export function generatePrivateKey(algorithm: SignerAlgorithm): KeyObject {
  return recipes[algorithm].generate();
}

/** Throws `keys.algorithm` when the key is of another type, curve or (RSA, under 2048 bits) strength. */
export function assertFits(privateKey: KeyObject, algorithm: SignerAlgorithm): void {
  if (privateKey.type === 'private' && recipes[algorithm].fits(privateKey)) return;
  throw new KeysError('keys.algorithm', `this private key cannot sign with \`${algorithm}\``);
}

export function signBytes(
  message: Uint8Array,
  key: { readonly privateKey: KeyObject; readonly algorithm: SignerAlgorithm },
): Uint8Array {
  const { digest, options } = recipes[key.algorithm];
  // Without options: Node 24 takes half as long again over a key within an object.
  const how = options === undefined ? key.privateKey : { key: key.privateKey, ...options };
  return new Uint8Array(sign(digest, message, how));
}

function curve(namedCurve: string): Pick<Recipe, 'generate' | 'fits'> {
  return {
    generate: () => generateKeyPairSync('ec', { namedCurve }).privateKey,
    fits: (key) => key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === namedCurve,
  };
}

function mlDsa(name: MlDsaAlgorithm): Recipe {
  return {
    digest: undefined,
    generate: () => {
      try {
        return generateKeyPairSync(name).privateKey;
      } catch (cause) {
        const message = `this Node.js cannot make \`${name}\` keys: they need one with OpenSSL 3.5, as Node.js 24.7 and later have`;
        throw new KeysError('keys.algorithm', message, { cause });
      }
    },
    fits: (key) => key.asymmetricKeyType === name,
  };
}
