export { generatePrivateKey } from './algorithms.ts';
export { createMasterKeyFile } from './create-master-key.ts';
export type { Envelope } from './envelope.ts';
export { KeysError, type KeysErrorCode } from './errors.ts';
export { generatePersonalKey, type PersonalToken, signWithPersonalKey } from './hsm/personal-token.ts';
export type { HsmSettings } from './hsm/token.ts';
export type { KeySpec, KeyStore } from './key-folder.ts';
export { localSigner } from './local-signer.ts';

export type { MasterKeySource } from './master-key.ts';
export { type KeyName, parseKeyName, parseSigningPurpose, type SigningPurpose } from './names.ts';
export type { SigningProcessExit } from './process/link.ts';
export { type MessageLint, type MessageLints, runSigningProcess } from './process/run.ts';
export {
  type KeySigner,
  type SigningProcess,
  type SigningProcessOptions,
  startSigningProcess,
} from './process/signing-process.ts';
export type { Environment, SecretSource } from './secret-source.ts';
