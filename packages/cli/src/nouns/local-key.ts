import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { SignerAlgorithm } from '@fleetward/core';
import { generatePrivateKey, localSigner } from '@fleetward/keys';
import { encodePem, issueCsr, makeName } from '@fleetward/pki';
import { CliError } from '../errors.ts';
import { type CaAlgorithm, caAlgorithms, mlDsaAlgorithmOf } from './ca-algorithms.ts';

/** A private key in PEM, and how it signs. */
export interface LocalKey {
  readonly pem: string;
  readonly privateKey: KeyObject;
  readonly algorithm: SignerAlgorithm;
}

export function makeLocalKey(name: CaAlgorithm): LocalKey {
  const algorithm = caAlgorithms[name];
  const privateKey = generatePrivateKey(algorithm);
  return { pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), privateKey, algorithm };
}

/** A key that an interrupted run left. Throws `cli.unreadable` for a file that holds none of ours. */
export function readLocalKey(pem: Uint8Array, path: string): LocalKey {
  try {
    const privateKey = createPrivateKey(Buffer.from(pem));
    return { pem: Buffer.from(pem).toString(), privateKey, algorithm: algorithmOf(privateKey) };
  } catch (cause) {
    throw new CliError('cli.unreadable', `\`${path}\` holds no private key that can sign a request`, {
      cause,
    });
  }
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): SignerAlgorithm {
  if (asymmetricKeyType === 'ed25519') return 'ed25519';
  const mlDsa = mlDsaAlgorithmOf(asymmetricKeyType);
  if (mlDsa !== undefined) return mlDsa;
  if (asymmetricKeyType === 'rsa') return 'rsa-pkcs1-sha256';
  return asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'ecdsa-p384-sha384' : 'ecdsa-p256-sha256';
}

/** A CSR in PEM that proves that this machine holds the key. */
export async function csrOf({ privateKey, algorithm }: LocalKey, commonName: string): Promise<string> {
  const subject = makeName([['commonName', commonName]]);
  const { der } = await issueCsr({ subject, signer: localSigner(privateKey, algorithm) });
  return encodePem('CERTIFICATE REQUEST', der);
}
