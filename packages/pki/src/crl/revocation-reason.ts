/** Why a certificate was revoked, with its number (RFC 5280 §5.3.1). */
export const revocationReasons = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  removeFromCRL: 8,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;

export type RevocationReason = keyof typeof revocationReasons;

const byNumber = new Map(
  Object.entries(revocationReasons).map(
    ([reason, number]) => [number as number, reason as RevocationReason] as const,
  ),
);

export function revocationReasonOf(number: number): RevocationReason | undefined {
  return byNumber.get(number);
}
