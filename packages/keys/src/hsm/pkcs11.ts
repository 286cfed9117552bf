import { createRequire } from 'node:module';
import { KeysError } from '../errors.ts';

/** An object's handle, a session's, a slot's. */
export type Handle = object;

export interface Attribute {
  readonly type: number;
  readonly value?: number | boolean | string | Buffer;
}

export interface Mechanism {
  readonly mechanism: number;
  readonly parameter: PssParameter | null;
}

/** CK_RSA_PKCS_PSS_PARAMS; `type` is how `pkcs11js` knows it. */
interface PssParameter {
  readonly type: number;
  readonly hashAlg: number;
  readonly mgf: number;
  readonly saltLen: number;
}

/** What we use of `pkcs11js`: the C functions of PKCS #11 2.40 by their names. */
export interface Pkcs11 {
  load(modulePath: string): void;
  C_Initialize(): void;
  C_Finalize(): void;
  C_GetSlotList(tokenPresent: boolean): Handle[];
  C_GetTokenInfo(slot: Handle): { readonly label: string; readonly flags: number };
  C_OpenSession(slot: Handle, flags: number): Handle;
  C_Login(session: Handle, userType: number, pin: string): void;
  C_GenerateKeyPair(
    session: Handle,
    mechanism: Mechanism,
    publicTemplate: readonly Attribute[],
    privateTemplate: readonly Attribute[],
  ): { readonly publicKey: Handle; readonly privateKey: Handle };
  C_GetAttributeValue(
    session: Handle,
    object: Handle,
    attributes: readonly Attribute[],
  ): { readonly value: Buffer }[];
  C_FindObjectsInit(session: Handle, template: readonly Attribute[]): void;
  C_FindObjects(session: Handle, countMax: number): Handle[];
  C_FindObjectsFinal(session: Handle): void;
  C_SignInit(session: Handle, mechanism: Mechanism, key: Handle): void;
  C_Sign(session: Handle, data: Buffer, signature: Buffer): Buffer;
}

/** Values of PKCS #11 2.40, those of Edwards curves of 3.0, and `pssParameters` of `pkcs11js`. */
export const cki = {
  serialAndWritable: 0x6,
  user: 1,
  privateKey: 3,
  pinIncorrect: 0xa0,
  pinLocked: 0xa4,
  userPinCountLow: 0x10000,
  class: 0x0,
  token: 0x1,
  private: 0x2,
  label: 0x3,
  id: 0x102,
  sensitive: 0x103,
  sign: 0x108,
  verify: 0x10a,
  modulus: 0x120,
  modulusBits: 0x121,
  publicExponent: 0x122,
  extractable: 0x162,
  ecParams: 0x180,
  ecPoint: 0x181,
  rsaKeyPairGen: 0x0,
  rsaPkcs: 0x1,
  rsaPkcsPss: 0xd,
  sha256: 0x250,
  mgf1Sha256: 0x2,
  pssParameters: 5,
  ecKeyPairGen: 0x1040,
  ecdsa: 0x1041,
  edwardsKeyPairGen: 0x1055,
  eddsa: 0x1057,
} as const;

/**
 * Loads `pkcs11js` and through it the vendor's module. It is not among our dependencies: it is compiled on the machine, and only who has
 * a token needs it. Throws `keys.hsm`.
 */
export function loadPkcs11({ packagePath, modulePath }: LoadOptions): Pkcs11 {
  const { PKCS11 } = requirePkcs11js(packagePath);
  try {
    const pkcs11 = new PKCS11();
    pkcs11.load(modulePath);
    pkcs11.C_Initialize();
    return pkcs11;
  } catch (cause) {
    throw new KeysError(
      'keys.hsm',
      `the PKCS #11 module \`${modulePath}\` does not load: ${reasonOf(cause)}`,
      {
        cause,
      },
    );
  }
}

interface LoadOptions {
  /** Folder of the compiled package; without it, it is looked for beside our own. */
  readonly packagePath?: string;
  /** The vendor's shared library. */
  readonly modulePath: string;
}

function requirePkcs11js(packagePath = 'pkcs11js'): { readonly PKCS11: new () => Pkcs11 } {
  try {
    return createRequire(import.meta.url)(packagePath) as { readonly PKCS11: new () => Pkcs11 };
  } catch (cause) {
    const message = `keys in a token need the package \`pkcs11js\`; there is none that loads at \`${packagePath}\` (docs/how-to/keys-in-an-hsm.md)`;
    throw new KeysError('keys.hsm', message, { cause });
  }
}

/** Such as `CKR_PIN_INCORRECT`: never what was given to the token. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error
    ? (/\bCKR_\w+/.exec(cause.message)?.[0] ?? cause.message.slice(0, 200))
    : 'unknown';
}
