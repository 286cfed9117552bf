/** Where a statement stands, so that an operator can find it. */
export interface StatementRef {
  readonly policyName: string;
  readonly versionId: number;
  /** Position in `Statement`, from 0. */
  readonly index: number;
  readonly sid?: string;
  readonly effect: 'Allow' | 'Deny';
  readonly via: 'certificate' | 'group';
  readonly groupName?: string;
}
