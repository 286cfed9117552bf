export { type CborLimits, parseCbor } from './cbor/decode.ts';
export { type CborValue, encodeCbor } from './cbor/encode.ts';
export {
  ApiError,
  type ApiErrorCode,
} from './client/api-error.ts';
export {
  type ApiClient,
  type ApiClientOptions,
  createApiClient,
  type Download,
  type RouteInput,
} from './client/client.ts';
export type { UploadBody } from './client/exchange.ts';
export { certificateRefusedText, watchHandshake } from './client/watch-handshake.ts';
export { type FieldError, type Problem, problem, problemMediaType } from './errors.ts';
export { getActivity } from './http/activity.ts';
export {
  campaignActionStates,
  changeCampaign,
  createCampaign,
  getCampaign,
  listCampaignActions,
  listCampaigns,
  rollBackCampaign,
} from './http/campaigns.ts';
export { getCa, getCaReadiness, importCas, listCas, requestCa, setCaState } from './http/cas.ts';
export {
  getCertificate,
  issueCertificates,
  listCertificates,
  removeCertificate,
  revokeCertificate,
  setCertificateState,
  unholdCertificate,
} from './http/certificates.ts';
export { closeConnection, listConnections } from './http/connections.ts';
export { type DenialCause, denialCauses, listDenials, whyDenied } from './http/denials.ts';
export { listDetections } from './http/detections.ts';
export {
  deleteMetricReports,
  getMetricHistory,
  getMetricReport,
  listMetricReports,
} from './http/device-metrics.ts';
export { addEndorsement, listEndorsements, removeEndorsement } from './http/endorsements.ts';
export {
  addGroupThing,
  createGroup,
  getGroup,
  listGroups,
  listGroupThings,
  moveGroup,
  removeGroup,
  removeGroupThing,
  updateGroup,
} from './http/groups.ts';
export {
  createGuardrail,
  listGuardrails,
  propertySchema,
  removeGuardrail,
} from './http/guardrails.ts';
export {
  getIssuanceLogConsistency,
  getIssuanceLogHead,
  getIssuanceLogInclusion,
  getOwnInclusion,
  listIssuanceLogEntries,
} from './http/issuance-log.ts';
export {
  cancelJob,
  cancelJobExecution,
  createJob,
  deleteJob,
  getJob,
  getJobExecution,
  jobExecutionStatuses,
  listJobExecutions,
  listJobs,
  listThingJobExecutions,
} from './http/jobs.ts';
export {
  createJoinToken,
  getEnrollmentAttempt,
  getJoinToken,
  listEnrollmentAttempts,
  listJoinTokens,
  revokeJoinToken,
} from './http/join-tokens.ts';
export { groupNameSchema, policyNameSchema } from './http/names.ts';
export {
  completeSetup,
  createOperatorToken,
  getSelf,
  inviteOperator,
  listOperatorInvitations,
  listOperators,
  listOperatorTokens,
  revokeOperatorToken,
  withdrawOperatorInvitation,
} from './http/operators.ts';
export { getHealth, getMetrics, getOpenApi, getPlatform, getReadiness } from './http/platform.ts';
export {
  attachGroupPolicy,
  attachPolicy,
  createPolicy,
  createPolicyVersion,
  detachGroupPolicy,
  detachPolicy,
  getPolicy,
  getPolicyVersion,
  listPolicies,
  removePolicy,
  removePolicyVersion,
  setDefaultPolicyVersion,
  synthesisePolicyDocument,
  testPolicy,
} from './http/policies.ts';
export {
  getPolicyTrial,
  promotePolicy,
  rollbackPolicy,
  startPolicyTrial,
  stopPolicyTrial,
} from './http/policy-trials.ts';
export { diffPolicySets, findDeadStatements, provePolicies } from './http/proofs.ts';
export {
  createClaim,
  createProvisioningTemplate,
  createProvisioningTemplateVersion,
  getClaim,
  getProvisioningHookKey,
  getProvisioningTemplate,
  listClaims,
  listProvisioningTemplates,
  removeProvisioningTemplate,
  removeProvisioningTemplateVersion,
  updateProvisioningTemplate,
} from './http/provisioning.ts';
export {
  getArtifact,
  getDeviceMetadata,
  getDeviceTarget,
  getInstruction,
  getMetadataFile,
  getOnlineKeys,
  getRelease,
  getReleaseDocument,
  getUploadState,
  listArtifacts,
  listMetadata,
  listReleases,
  metadataBytesMax,
  publishMetadata,
  putArtifact,
  removeArtifact,
  rootsPerPublicationMax,
} from './http/releases.ts';
export {
  changeRenewal,
  getRenewal,
  getRenewalWish,
  listRenewalMembers,
  listRenewals,
  startRenewal,
} from './http/renewals.ts';
export { deviceProtocolVersion, sendReport } from './http/reports.ts';
export { deleteShadow, getShadow, listShadows, updateShadow } from './http/shadows.ts';
export { createTargetToken, listTargetTokens, removeTargetToken } from './http/target-tokens.ts';
export {
  createThingType,
  getThingType,
  listThingTypes,
  removeThingType,
  updateThingType,
} from './http/thing-types.ts';
export {
  attachThingCertificate,
  attachThingPolicy,
  countThings,
  createThing,
  detachThingCertificate,
  getThing,
  importThings,
  listThings,
  removeThing,
  setThingState,
  transferCertificate,
  updateThing,
} from './http/things.ts';
export { createTrailCheckpoint, exportTrail, getTrailPublicKey, listTrail } from './http/trail.ts';
export {
  createVendorCaCode,
  getVendorCa,
  listVendorCas,
  registerVendorCa,
  removeVendorCa,
  setVendorCaState,
} from './http/vendor-cas.ts';
export { entryHash, type IssuanceLogEntry } from './issuance-log/log-entry.ts';
export { emptyRoot, isPowerOfTwo, nodeHash, splitOf } from './issuance-log/merkle.ts';
export { isTreeHeadSigned, type TreeHead, treeHeadMessage } from './issuance-log/tree-head.ts';
export { TreeRoot } from './issuance-log/tree-root.ts';
export {
  type IssuanceProof,
  type IssuanceTrust,
  type IssuanceVerdict,
  verifyIssuanceProof,
} from './issuance-log/verify-inclusion-proof.ts';
export { isConsistent, isIncluded, pathHashesMax } from './issuance-log/verify-proofs.ts';
export { deviceMetricsFilters } from './reserved/device-metrics.ts';
export { jobEventTopic, jobExecutionEventTopic, jobsFilter, jobTopics } from './reserved/jobs.ts';
export { type ProvisioningRejected, provisioningFilters } from './reserved/provisioning.ts';
export { registeredTopic } from './reserved/registered.ts';
export {
  type ShadowOperation,
  shadowFilters,
  shadowOfTopic,
  shadowTopic,
} from './reserved/shadows.ts';
export { streamsFilter } from './reserved/streams.ts';
export { thingEventTopic } from './reserved/things.ts';
export { defineRoute, type Part, type Route, type RouteAccess } from './route.ts';
export {
  type TrailCheckpoint,
  type TrailEntry,
  type TrailLine,
  type TrailVerdict,
  trailCheckpointMessage,
  trailEntryHash,
  trailGenesis,
  trailPayloadBytesMax,
  trailPayloadHash,
} from './trail.ts';
export { formatTrailLine, parseTrailLine, trailLineBytesMax } from './trail-line.ts';
export { type TrailTrust, verifyTrail, verifyTrailExport } from './verify-trail.ts';
