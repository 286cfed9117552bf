import { PolicyError, type PolicyIssue } from './errors.ts';
import { POLICY_ISSUES_MAX } from './limits.ts';

/** Collects every problem of a document, so that its author sees all of them at once. */
export class IssueList {
  readonly #issues: PolicyIssue[] = [];

  add(path: string, problem: { readonly message: string; readonly expected: string }): void {
    if (this.#issues.length < POLICY_ISSUES_MAX) {
      this.#issues.push({ path, message: problem.message, expected: problem.expected });
    }
  }

  /** Throws one error that carries all issues, when there are any. */
  assertEmpty(refused: {
    readonly code: 'policy.invalid' | 'policy.request';
    readonly subject: string;
  }): void {
    const first = this.#issues[0];
    if (first === undefined) return;
    const more = this.#issues.length > 1 ? ` (and ${this.#issues.length - 1} more)` : '';
    throw new PolicyError(
      refused.code,
      `${refused.subject} refused at \`${first.path}\`: ${first.message}; expected ${first.expected}${more}`,
      { issues: this.#issues },
    );
  }
}

/** Foreign text as it is shown in a message: bounded, control characters escaped. */
export function shown(text: string): string {
  const cut = text.length > 96 ? `${text.slice(0, 96)}…` : text;
  return `\`${JSON.stringify(cut).slice(1, -1)}\``;
}
