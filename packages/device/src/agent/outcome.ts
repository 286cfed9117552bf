/** Why the agent itself refused a release whose metadata verified. */
export type DeviceRefusalReason =
  | 'wrong-hardware'
  | 'below-security-floor'
  | 'failed-before'
  | 'version-form'
  | 'slots-damaged'
  | 'not-verified-again'
  | 'installer-failed'
  | 'not-what-runs'
  | 'pass-failed';

/**
 * A release, or what was offered as one, that was not installed. `step` is the clause of TUF 1.0.34 that refused it, of Uptane
 * with `Uptane` before it, or `device` for the agent's own rules; `subject` is the metadata role or target path.
 */
export interface Refused {
  readonly kind: 'refused';
  readonly step: string;
  readonly subject: string;
  readonly reason: string;
  readonly explanation: string;
}

/** What one pass of the agent came to. Nothing but `confirmed` changes the version that is relied on. */
export type CheckOutcome =
  /** There is nothing newer; no version when nothing was ever installed. */
  | { readonly kind: 'current'; readonly version: string | undefined }
  | { readonly kind: 'unreachable'; readonly path: string; readonly explanation: string }
  | Refused
  | { readonly kind: 'no-space'; readonly version: string; readonly explanation: string }
  /** Installed, but the starter has not said yet whether it runs; asked again in the next pass. */
  | { readonly kind: 'waiting'; readonly version: string; readonly explanation: string }
  /** The agent replaces itself before it looks for firmware. */
  | { readonly kind: 'agent-first' }
  | { readonly kind: 'confirmed'; readonly version: string; readonly from: string | undefined }
  | {
      readonly kind: 'rolled-back';
      readonly version: string;
      /** What runs again; nothing when there was no confirmed version. */
      readonly to: string | undefined;
      readonly reason: string;
      readonly explanation: string;
    };

export function refusedByDevice(
  subject: string,
  { reason, explanation }: { readonly reason: DeviceRefusalReason; readonly explanation: string },
): Refused {
  return { kind: 'refused', step: 'device', subject, reason, explanation };
}
