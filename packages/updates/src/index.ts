export {
  type ChunkIndex,
  type ChunkIndexer,
  chunkIndexBytesMax,
  createChunkIndexer,
  formatChunkIndex,
  parseChunkIndex,
} from './chunks/chunk-index.ts';
export type { ChunkBytes } from './chunks/chunker.ts';
export { type AssemblyStep, placesOf, planAssembly, remoteBytes } from './chunks/plan.ts';
export { chunkIndexPath, customOfChunks, type LocalImage, planLimits } from './client/assemble.ts';
export {
  type Abortable,
  createUpdateClient,
  type UpdateClient,
  type UpdateClientParts,
} from './client/client.ts';
export type { DownloadOutcome, KeptPart, TargetSink } from './client/download.ts';
export type { Fetcher, FetchResult } from './client/fetcher.ts';
export { type FindOutcome, findTargetWorkflow } from './client/find-target.ts';
export { type InstallRootOutcome, installRoot } from './client/install-root.ts';
export type {
  RefreshOutcome,
  Refusal,
  RefusalReason,
  TrustedVersions,
  Unreachable,
} from './client/outcome.ts';
export { type RefreshResult, refreshWorkflow, type TrustedSet } from './client/refresh.ts';
export type { Target } from './client/target.ts';
export type { ClientReply, ClientRequest, Workflow } from './client/workflow.ts';
export { instructionFilePath, type NewInstruction, signInstruction } from './director/instruction.ts';
export { isUpdatesError, UpdatesError, type UpdatesErrorCode } from './errors.ts';
export { externalSigner } from './external-signer.ts';
export { defaultLimits, type UpdateLimits } from './limits.ts';
export { secondSuffix } from './metadata/second-signature.ts';
export { metadataFilePath, targetFilePath, timestampFilePath } from './metadata/target-path.ts';
export { applyPatch, makePatch, patchedBytesMax } from './patches/patch.ts';
export { type PatchLink, parsePatches, patchPath } from './patches/patch-list.ts';
export type { FileBytes } from './plain/file-bytes.ts';
export { signPlain, signPlainWithReleaseKey } from './plain/sign-plain.ts';
export {
  type PlainOutcome,
  type PlainRefusalReason,
  type PlainSignatureInput,
  verifyPlainSignature,
} from './plain/verify-plain.ts';
export type { AwsOtaSigning } from './record/aws-ota.ts';
export { checkRecord, type RecordSources, type RecordSummary } from './record/check-record.ts';
export { documentBytesMax } from './record/document-json.ts';
export { type ProvenanceSummary, verifyProvenance } from './record/provenance.ts';
export {
  changelogCharactersMax,
  customOfRecord,
  type DocumentKind,
  documentPath,
  type ProvenanceLink,
  parseReleaseRecord,
  type ReleaseRecord,
} from './record/release-record.ts';
export { parseSbom, type SbomSummary } from './record/sbom.ts';
export { customOfRelease, parseRelease, type Release, type ReleaseComponent } from './release.ts';
export {
  generateReleaseKey,
  type NewReleaseKey,
  type OpenReleaseKey,
  openReleaseKey,
  readReleasePublicKey,
} from './release-key.ts';
export { pathOfRelease } from './release-path.ts';
export type { ReleaseKeyAlgorithm, ReleaseSigner } from './release-signer.ts';
export { describeTarget } from './repository/describe-target.ts';
export {
  addTarget,
  draftRoot,
  draftTargets,
  type NewTarget,
  type RoleAssignment,
  type RootDraft,
  type RootRoles,
  removeTargets,
} from './repository/draft.ts';
export { defaultOnlineSettings, type OnlineSettings, type OnlineSigners } from './repository/online-files.ts';
export { type NewPatch, patchRelease } from './repository/patch-release.ts';
export { type Delegation, delegateRelease } from './repository/product-lists.ts';
export {
  type PublishedFile,
  type PublishedState,
  type PublishInput,
  type PublishOutcome,
  publish,
  type Upload,
} from './repository/publish.ts';
export { readDelegatedNames, readTargets } from './repository/read-targets.ts';
export {
  describeChange,
  type ReleaseChange,
  type RoleChange,
  type RootChange,
  type TargetsChange,
} from './repository/release-change.ts';
export {
  addToRelease,
  createReleaseFolder,
  expireRelease,
  initRelease,
  isComplete,
  openReleaseFolder,
  type ReleaseFolder,
  type ReleaseSettings,
  type ReleaseStatus,
  readRoles,
  readUpload,
  rotateRelease,
  signRelease,
  steadyFolder,
} from './repository/release-folder.ts';
export { type SignedDraft, signRoot, signTargets } from './repository/sign-file.ts';
export { type FolderCheck, type FolderVerdict, verifyReleaseFolder } from './repository/verify-folder.ts';
export type { FileLayer } from './store/file-layer.ts';
export { fileStoreOn, openFileStore } from './store/file-store.ts';
export { createMemoryStore, type TrustedStore } from './store/trusted-store.ts';
export {
  createTargetVerifier,
  type ExpectedFile,
  type TargetRefusal,
  type TargetVerifier,
} from './target-verifier.ts';
export { isTokenKeyFile, parseTokenKey, type TokenKey, writeTokenKey } from './token-key-file.ts';
export { compareVersions, isVersion } from './version-order.ts';
