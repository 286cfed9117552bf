export { concatBytes, equalBytes, fromBase64, fromHex, toBase64, toBase64Url, toHex, utf8 } from './bytes.ts';
export { canonicalJson, type Json, type JsonObject } from './canonical-json.ts';
export { counted } from './counted.ts';
export { AppError, type ErrorDetails, InvalidInputError, isAppError } from './errors.ts';
export {
  type Brand,
  type CertificateId,
  type ClientId,
  type GroupName,
  type PolicyName,
  parseCertificateId,
  parseClientId,
  parseGroupName,
  parsePolicyName,
  parseSha256,
  parseThingName,
  type Sha256,
  type ThingName,
} from './ids.ts';
export type {
  Clock,
  MlDsaAlgorithm,
  Random,
  Signer,
  SignerAlgorithm,
  Transaction,
  Transactor,
} from './ports.ts';
export { type JsonPlace, jsonMemberPath, parseStrictJson, type StrictJsonLimits } from './strict-json.ts';
