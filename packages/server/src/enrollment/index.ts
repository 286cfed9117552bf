export type { EnrollmentErrorCode } from './errors.ts';
export { enrollmentHandlers } from './http.ts';
export type { ChannelBinding } from './linking.ts';
export type { EnrollmentOutcome } from './outcome.ts';
export { Enrollment, type EnrollmentSettings } from './service.ts';
