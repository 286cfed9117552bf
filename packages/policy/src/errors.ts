import { AppError } from '@fleetward/core';

/** One thing wrong with a document: where (JSON path), what, and what was expected there. */
export interface PolicyIssue {
  readonly path: string;
  readonly message: string;
  readonly expected: string;
}

/**
 * `policy.invalid`: the document is refused, all reasons are in `issues`. `policy.unbound`: a document parsed without a
 * server was compiled without the request's region and account. `policy.request`: a request on paper cannot be read.
 */
export class PolicyError extends AppError<'policy.invalid' | 'policy.unbound' | 'policy.request'> {
  /** Also in `details.issues`. */
  readonly issues: readonly PolicyIssue[];

  constructor(
    code: PolicyError['code'],
    message: string,
    { cause, issues = [] }: { readonly cause?: unknown; readonly issues?: readonly PolicyIssue[] } = {},
  ) {
    super(code, message, { cause, ...(issues.length === 0 ? {} : { details: { issues } }) });
    this.issues = issues;
  }
}
