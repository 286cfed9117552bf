export { EnrollmentError, type EnrollmentErrorCode } from './errors.ts';
export { enrollmentHandlers } from './http.ts';
export type { JoinTokens, NewJoinToken } from './join-tokens.ts';
export type { Refusal, RefusalFault, RefusalReason } from './refusal.ts';
export {
  type Enrolled,
  Enrollment,
  type EnrollmentOptions,
  type EnrollmentOutcome,
  type EnrollmentSettings,
  type EnrollRequest,
} from './service.ts';
export type { EnrollmentAttempt, EnrollmentStore, JoinToken } from './store.ts';
