/** Why a file was refused. */
export type RefusalReason =
  | 'no-trusted-root'
  | 'missing'
  | 'malformed'
  | 'too-long'
  | 'length-mismatch'
  | 'hash-mismatch'
  | 'below-threshold'
  | 'version-mismatch'
  | 'rollback'
  | 'expired'
  /** Of a director: none was given, it is an older one, another device's, or the image repository says otherwise. */
  | 'no-instruction'
  | 'replayed'
  | 'not-for-this-device'
  | 'disagrees';

/** A verdict against a file: the step of the TUF 1.0.34 client workflow, or the clause of Uptane 1.1.0, that refused it, and why. */
export interface Refusal {
  readonly kind: 'refused';
  /** The clause, such as `5.4.3.1` of TUF or `Uptane 5.4.4.6.4`; of a folder also `record`, for documents that neither knows of. */
  readonly step: string;
  /** The role or target path in question. */
  readonly subject: string;
  readonly reason: RefusalReason;
  readonly explanation: string;
}

/** The repository did not answer; nothing is wrong with what is trusted, try again later. */
export interface Unreachable {
  readonly kind: 'unreachable';
  readonly path: string;
  readonly explanation: string;
}

/** Versions of the trusted metadata after a refresh. */
export interface TrustedVersions {
  readonly root: number;
  readonly timestamp: number;
  readonly snapshot: number;
  readonly targets: number;
  /** Of the instruction that is followed, where the root names a director. */
  readonly director?: number;
}

/** `updated`: something new became trusted. `current`: everything trusted is still the newest and has not expired. */
export type RefreshOutcome =
  | { readonly kind: 'updated' | 'current'; readonly versions: TrustedVersions }
  | Refusal
  | Unreachable;

/** A step's result: a value, or the verdict that ends the workflow. */
export type Step<Value> = { readonly kind: 'ok'; readonly value: Value } | Refusal | Unreachable;

export function ok<Value>(value: Value): Step<Value> {
  return { kind: 'ok', value };
}

export function refuse(
  step: string,
  verdict: { readonly subject: string; readonly reason: RefusalReason; readonly explanation: string },
): Refusal {
  return { kind: 'refused', step, ...verdict };
}
