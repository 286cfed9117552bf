import { parseGroupName, parsePolicyName } from '@fleetward/core';
import {
  createJoinToken,
  getEnrollmentAttempt,
  listEnrollmentAttempts,
  listJoinTokens,
  revokeJoinToken,
} from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { Enrollment } from './service.ts';
import type { JoinToken } from './store.ts';

const daySeconds = 86_400;

export function enrollmentHandlers(enrollment: Enrollment): readonly RouteHandler[] {
  return [
    handle(createJoinToken, async ({ body, caller }) => {
      const wanted = {
        namePattern: body.namePattern,
        policies: (body.policies ?? []).map(parsePolicyName),
        profile: body.profile ?? 'device',
        ...(body.groupName === undefined ? {} : { groupName: parseGroupName(body.groupName) }),
        usesMax: body.usesMax ?? 1,
        validityMs: (body.expiresInSeconds ?? daySeconds) * 1000,
      };
      const { token, secret } = await enrollment.tokens.create(wanted, operatorActor(caller));
      return { ...viewOf(token), secret };
    }),
    handle(listJoinTokens, async () => ({ joinTokens: (await enrollment.tokens.list()).map(viewOf) })),
    handle(revokeJoinToken, async ({ params, caller }) => {
      await enrollment.tokens.revoke(params.tokenId, operatorActor(caller));
      return undefined;
    }),
    handle(listEnrollmentAttempts, async ({ query }) => ({
      attempts: (await enrollment.attempts(query.limit ?? 100)).map(({ steps: _, ...attempt }) => attempt),
    })),
    handle(getEnrollmentAttempt, async ({ params }) => {
      const { steps, ...attempt } = await enrollment.attempt(params.attemptId);
      return { ...attempt, steps: [...steps] };
    }),
  ];
}

function viewOf({ hash: _hash, policies, ...view }: JoinToken) {
  return { ...view, policies: [...policies] };
}
