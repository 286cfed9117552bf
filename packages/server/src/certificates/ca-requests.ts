import { isAppError, type Signer, type SignerAlgorithm } from '@fleetward/core';
import { type Csr, issueCsr, type KeyRules, makeName } from '@fleetward/pki';
import type { Authorities } from './authorities.ts';
import { CertificatesError } from './errors.ts';

/** Keys of issuing CAs in the signing process; the private half never comes out of it. */
export interface CaKeys {
  find(keyName: string): Promise<CaKey | undefined>;
  /** Durable before it resolves. */
  generate(keyName: string, options: Pick<CaKey, 'algorithm' | 'store'>): Promise<CaKey>;
}

export interface CaKey extends Signer {
  /** Sealed in a file of the platform's, or inside a token. */
  readonly store: 'file' | 'hsm';
}

export interface CaRequest {
  /** The common name; without it, `Fleetward Issuing CA` and the number of its key. */
  readonly commonName?: string;
  readonly algorithm: SignerAlgorithm;
  readonly store: CaKey['store'];
}

export interface MadeCaRequest {
  readonly keyName: string;
  readonly csr: Csr;
}

/** Of issuing CAs, whatever their state: the first is `issuing-ca`, the next `issuing-ca-2`. */
const caKeysMax = 64;

function caKeyName(number: number): string {
  return number === 1 ? 'issuing-ca' : `issuing-ca-${number}`;
}

/**
 * Makes the key of the next issuing CA and a CSR for it, to be signed by a root elsewhere. A key of this kind that has no
 * certificate yet is used again: asking twice makes one key. Throws `certificates.ca_keys`.
 */
export async function requestCa(
  { commonName, algorithm, store }: CaRequest,
  {
    keys,
    authorities,
    keyRules,
  }: { readonly keys: CaKeys; readonly authorities: Authorities; readonly keyRules: KeyRules },
): Promise<MadeCaRequest> {
  if (keyRules.withoutMlDsa === true && algorithm.startsWith('ml-dsa')) throw mlDsaOff();
  for (let number = 1; number <= caKeysMax; number++) {
    const keyName = caKeyName(number);
    const known = await keys.find(keyName);
    const isFree =
      known?.algorithm === algorithm &&
      known.store === store &&
      !authorities.all().some((ca) => ca.keyName === keyName);
    if (known !== undefined && !isFree) continue;
    const signer = known ?? (await makeKey(keyName, { algorithm, store, keys }));
    const subject = makeName([['commonName', commonName ?? `Fleetward Issuing CA ${number}`]]);
    return { keyName, csr: await issueCsr({ subject, signer }) };
  }
  throw new CertificatesError('certificates.ca_keys', `at most ${caKeysMax} keys of issuing CAs are made`);
}

function mlDsaOff(): CertificatesError {
  return new CertificatesError(
    'certificates.ca_keys',
    'CAs that sign with ML-DSA are experimental: set `experimental.mlDsa`, once your devices know it (docs/how-to/ml-dsa.md)',
  );
}

/** What is wrong with the token is told to who asked, as the only one who can mend it. */
async function makeKey(
  keyName: string,
  { keys, ...spec }: Pick<CaKey, 'algorithm' | 'store'> & { readonly keys: CaKeys },
): Promise<CaKey> {
  try {
    return await keys.generate(keyName, spec);
  } catch (error) {
    if (!isAppError(error) || error.code !== 'keys.hsm') throw error;
    throw new CertificatesError('certificates.ca_keys', error.message, { cause: error });
  }
}

/** The name of the key with this public half, when the signing process holds it. */
export async function caKeyOf(spki: Uint8Array, keys: CaKeys): Promise<string | undefined> {
  for (let number = 1; number <= caKeysMax; number++) {
    const signer = await keys.find(caKeyName(number));
    if (signer === undefined) return undefined;
    if (Buffer.from(signer.publicKey).equals(spki)) return caKeyName(number);
  }
  return undefined;
}
