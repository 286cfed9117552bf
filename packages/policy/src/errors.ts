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
  get issues(): readonly PolicyIssue[] {
    return (this.details.issues as readonly PolicyIssue[] | undefined) ?? [];
  }
}
