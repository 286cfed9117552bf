import {
  completeSetup,
  createOperatorToken,
  getSelf,
  inviteOperator,
  listOperatorInvitations,
  listOperators,
  listOperatorTokens,
  revokeOperatorToken,
  withdrawOperatorInvitation,
} from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { type Caller, handle, type RouteHandler } from '../route-handler.ts';
import { OperatorError } from './errors.ts';
import type { NewToken, OperatorService } from './service.ts';

export function operatorHandlers(operators: OperatorService): readonly RouteHandler[] {
  return [
    handle(completeSetup, async ({ body }) => {
      const { operator, token } = await operators.completeSetup(body);
      return { operator, token: shown(token) };
    }),
    handle(listOperators, async () => ({ operators: [...operators.operators()] })),
    handle(getSelf, async ({ caller }) => {
      const operatorId = idOf(caller);
      const self = operators.operators().find((operator) => operator.operatorId === operatorId);
      if (self === undefined) throw new OperatorError('operators.not_found', 'the operator is not known');
      return self;
    }),
    handle(createOperatorToken, async ({ body, caller }) =>
      shown(await operators.createToken({ ...body, operatorId: idOf(caller) })),
    ),
    handle(listOperatorTokens, async () => ({
      tokens: operators.tokens().map(({ hash: _, ...token }) => token),
    })),
    handle(revokeOperatorToken, async ({ params, caller }) => {
      await operators.revokeToken({ tokenId: params.tokenId, by: idOf(caller) });
      return undefined;
    }),
    handle(inviteOperator, async ({ body, caller }) => {
      const { invitation, secret } = await operators.invite({ ...body, by: idOf(caller) });
      return { operatorName: body.operatorName, expiresAtMs: invitation.expiresAtMs, setupToken: secret };
    }),
    handle(listOperatorInvitations, async () => ({
      invitations: (await operators.invitations()).map(({ invitation, createdAtMs, expiresAtMs }) => ({
        ...invitation,
        createdAtMs,
        expiresAtMs,
      })),
    })),
    handle(withdrawOperatorInvitation, async ({ params, caller }) => {
      await operators.withdrawInvitation({ operatorName: params.operatorName, by: idOf(caller) });
      return undefined;
    }),
  ];
}

function shown({ secret, token }: NewToken) {
  const { tokenId, operatorId, expiresAtMs } = token;
  return { tokenId, operatorId, expiresAtMs, secret };
}

function idOf(caller: Caller): string {
  const actor = operatorActor(caller);
  if (actor.kind !== 'operator') throw new TypeError('the actor of an operator is an operator');
  return actor.operatorId;
}
