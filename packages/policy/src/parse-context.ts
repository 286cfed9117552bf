import type { Binding, BoundLiteral } from './arn.ts';
import type { IssueList } from './issues.ts';

/** Something the parser did that the author should know: a placeholder was bound. */
export interface PolicyNote extends BoundLiteral {
  readonly path: string;
  readonly message: string;
}

/** What the parsing functions share: the binding they apply and where they report. */
export interface ParseContext {
  readonly binding: Binding;
  readonly issues: IssueList;
  readonly notes: PolicyNote[];
}

/** Records placeholders that were bound at `path`. */
export function noteBound(context: ParseContext, path: string, bound: readonly BoundLiteral[]): void {
  for (const { literal, value } of bound) {
    context.notes.push({ path, literal, value, message: `\`${literal}\` is bound to \`${value}\`` });
  }
}
