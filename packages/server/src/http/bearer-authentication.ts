import type { OperatorService } from '../operators/index.ts';
import { type Authenticate, bearerToken } from './authentication.ts';

const reasons = {
  missing: 'an operator token is needed: send `Authorization: Bearer fwo_…`',
  unknown: 'the operator token is not known',
  expired: 'the operator token has expired',
  revoked: 'the operator token was revoked',
} as const;

/** Knows callers by the bearer token of an operator. */
export function operatorAuthentication(operators: Pick<OperatorService, 'authenticate'>): Authenticate {
  return async ({ authorization }) => {
    const token = bearerToken(authorization);
    if (token === undefined) return { kind: 'refused', reason: reasons.missing };
    const outcome = operators.authenticate(token);
    if (outcome.kind === 'refused') return { kind: 'refused', reason: reasons[outcome.reason] };
    const { operatorId, name } = outcome.operator;
    return { kind: 'accepted', caller: { kind: 'operator', operatorId, name } };
  };
}
