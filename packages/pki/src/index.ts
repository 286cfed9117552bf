export {
  type Certificate,
  certificateIdOf,
  isSelfIssued,
  isSignedBy,
  parseCertificate,
} from './certificate/certificate.ts';
export type {
  AuthorityInfoAccess,
  AuthorityKeyId,
  BasicConstraints,
} from './certificate/extension-values.ts';
export type { Extensions } from './certificate/extensions.ts';
export type { KeyUsage } from './certificate/key-usage.ts';
export { otherEncodingsOf } from './certificate/other-encodings.ts';
export { parseTbsCertificate, type TbsCertificate } from './certificate/tbs-certificate.ts';
export { withPublicKey } from './certificate/with-public-key.ts';
export { certsOnly, parseCertsOnly } from './cms.ts';
export { type Crl, isCrlSignedBy, parseCrl, type TbsCrl } from './crl/crl.ts';
export type { Revocation } from './crl/encode-entries.ts';
export {
  assembleCrl,
  buildTbsCrl,
  type CrlContent,
  type CrlRequest,
  issueCrl,
} from './crl/issue-crl.ts';
export { lintTbsCrl } from './crl/lint-crl.ts';
export { type RevocationReason, revocationReasonOf, revocationReasons } from './crl/revocation-reason.ts';
export type { RevokedEntry } from './crl/revoked-entry.ts';
export { type Csr, type CsrVerdict, checkCsr, checkCsrAside, parseCsr, verifyCsrSignature } from './csr.ts';
export { csrAttributes } from './csr-attributes.ts';
export { decryptPrivateKey, encryptPrivateKey } from './encrypted-key.ts';
export { PkiError, type PkiErrorCode } from './errors.ts';
export { altNameFindings } from './issue/alt-name-rules.ts';
export {
  buildTbsCertificate,
  type CertificateContent,
  type TbsFrame,
} from './issue/build-tbs-certificate.ts';
export { type IssueRequest, issueCertificate } from './issue/issue-certificate.ts';
export { type CsrRequest, issueCsr, lintTbsCsr } from './issue/issue-csr.ts';
export { issueTogether, type TogetherRequest } from './issue/issue-together.ts';
export { lintTbsCertificate } from './issue/lint-certificate.ts';
export {
  isProfileUri,
  type LeafProfileName,
  leafProfileNames,
  type Profile,
  type ProfileName,
  profiles,
  profileUris,
} from './issue/profiles.ts';
export { checkPublicKey, checkRequestedKey, type KeyRules, type KeyVerdict } from './key-rules.ts';
export type { NameAttribute } from './names/attributes.ts';
export type { GeneralName } from './names/general-name.ts';
export { makeName } from './names/make-name.ts';
export { type Name, parseName } from './names/name.ts';
export { type CertId, certIdOf, isIssuedBy } from './ocsp/cert-id.ts';
export { lintTbsOcsp } from './ocsp/lint-ocsp.ts';
export {
  buildTbsOcsp,
  type CertStatus,
  issueOcspAnswer,
  type OcspAnswer,
  ocspError,
} from './ocsp/ocsp-answer.ts';
export { type OcspRequest, parseOcspRequest } from './ocsp/ocsp-request.ts';
export type { Purpose } from './path/certificate-flaws.ts';
export type { Flaw, PathOutcome, RefusalCode } from './path/outcome.ts';
export { anchorFlaw, type CaInput, validateCa } from './path/validate-ca.ts';
export { type PathInput, validatePath } from './path/validate-path.ts';
export { encodePem, type PemBlock, type PemLabel, type PemRules, parseBase64Body, parsePem } from './pem.ts';
export { parseCertificatesPem, parseCrlsPem, parseCsrPem, readCertificatesPem } from './pem-objects.ts';
export { type PublicKey, parsePublicKey } from './public-key.ts';
export type { SignatureAlgorithm } from './signature.ts';
export { type TbsKind, tbsKindOf } from './tbs-kind.ts';
export { parseTpmCertification, type TpmCertification, verifyTpmSignature } from './tpm/certification.ts';
export {
  isEndorsementKey,
  makeTpmCredential,
  sealTpmCredential,
  type TpmCredential,
} from './tpm/credential.ts';
export { parseTpmPublic, type TpmPublic } from './tpm/public-area.ts';
export { parseWeakKeys, type WeakKeys } from './weak-keys.ts';
