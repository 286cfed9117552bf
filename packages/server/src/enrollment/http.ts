import { parseGroupName, parsePolicyName } from '@fleetward/core';
import { encodePem, type GeneralName, PkiError, parseCsrPem } from '@fleetward/pki';
import {
  createJoinToken,
  getEnrollmentAttempt,
  getJoinToken,
  issueCertificates,
  listEnrollmentAttempts,
  listJoinTokens,
  type Part,
  revokeJoinToken,
} from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { IssueOutcome } from './operator-issuance.ts';
import type { OperatorRequest } from './operator-requests.ts';
import { type Refusal, refuse } from './refusal.ts';
import type { Enrollment } from './service.ts';
import type { JoinToken } from './store.ts';

const daySeconds = 86_400;

export function enrollmentHandlers(enrollment: Enrollment): readonly RouteHandler[] {
  return [
    handle(issueCertificates, async ({ body, caller }) => {
      const requests = body.requests.map(requestOf);
      const sound = requests.filter((request): request is OperatorRequest => !('kind' in request));
      const outcomes = [...(await enrollment.issueForOperator(sound, operatorActor(caller)))];
      return {
        results: requests.map((request) => resultOf('kind' in request ? request : outcomes.shift())),
      };
    }),
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
    handle(getJoinToken, async ({ params }) => viewOf(await enrollment.tokens.get(params.tokenId))),
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

type WantedCertificate = Part<(typeof issueCertificates)['body']>['requests'][number];

function requestOf(wanted: WantedCertificate): OperatorRequest | Refusal {
  const csrDer = derOf(wanted.csr);
  if ('kind' in csrDer) return csrDer;
  const {
    name,
    profile = 'device',
    policyNames = [],
    validityDays,
    dnsNames = [],
    ipAddresses = [],
  } = wanted;
  const dns = dnsNames.map((value): GeneralName => ({ kind: 'dns', value }));
  const ips = ipAddresses.map((value): GeneralName => ({ kind: 'ip', value }));
  return {
    csrDer,
    profile,
    policyNames: policyNames.map(parsePolicyName),
    altNames: [...dns, ...ips],
    ...(name === undefined ? {} : { name }),
    ...(validityDays === undefined ? {} : { validityDays }),
  };
}

function derOf(pem: string): Uint8Array | Refusal {
  try {
    return parseCsrPem(pem).der;
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    return refuse('csr_malformed', `the CSR cannot be read: ${error.message}`);
  }
}

function resultOf(outcome: IssueOutcome | undefined) {
  if (outcome === undefined) throw new TypeError('a request without an outcome');
  if (outcome.kind === 'refused') {
    const { reason, explanation } = outcome;
    return { outcome: 'refused', reason, explanation } as const;
  }
  const { isRepeated, name, certificateId, others } = outcome;
  const chain = outcome.chain.map(({ der }) => encodePem('CERTIFICATE', der)).join('');
  const also = others.length === 0 ? {} : { otherCertificateIds: [...others] };
  return { outcome: isRepeated ? 'repeated' : 'issued', name, certificateId, chain, ...also } as const;
}
