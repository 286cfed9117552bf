/** Why a report is rejected. AWS IoT documents the first; the others are told in the same form. */
export type RejectionCode = 'InvalidPayload' | 'Throttled' | 'ResourceNotFound' | 'InternalError';

export interface Rejection {
  readonly kind: 'rejected';
  readonly code: RejectionCode;
  readonly message: string;
}

export function rejection(code: RejectionCode, message: string): Rejection {
  return { kind: 'rejected', code, message };
}

/** A report is not of the form it must have; the message says where. */
export class ReportRefusal extends Error {}
