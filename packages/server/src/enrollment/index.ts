export type { EnrollmentErrorCode } from './errors.ts';
export { enrollmentHandlers } from './http.ts';
export { Enrollment, type EnrollmentOutcome, type EnrollmentSettings } from './service.ts';
