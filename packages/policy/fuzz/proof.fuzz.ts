import { utf8 } from '@fleetward/core';
import {
  type AttachedPolicy,
  diffPolicies,
  findDead,
  PolicyError,
  parsePolicy,
  proveAtMost,
  proveNever,
  proveNoCrossDevice,
} from '../src/index.ts';

const ARN = 'arn:aws:iot:REGION:ACCOUNT_ID:';

export const seeds: readonly Uint8Array[] = [
  {
    Effect: 'Allow',
    Action: ['iot:Publish', 'iot:Receive'],
    Resource: `${ARN}topic/a/\${iot:Connection.Thing.ThingName}*`,
  },
  {
    Effect: 'Deny',
    Action: 'iot:*',
    NotResource: [`${ARN}topic?*\${iot:ClientId}`, `${ARN}t*/\${iot:CertificateId}`],
  },
  {
    Effect: 'Allow',
    Action: 'iot:Subscribe',
    Resource: `${ARN}topicfilter/$share/g/+/#`,
    Condition: {
      StringLikeIfExists: { 'iot:ClientId': ['a*', '?'] },
      'ForAnyValue:StringEquals': { 'iot:Certificate.Subject.CommonName.List': 'a' },
      NumericLessThan: { 'aws:EpochTime': 5 },
    },
  },
].map((statement) => utf8(JSON.stringify({ Version: '2012-10-17', Statement: [statement] })));

const statesMax = 3_000;

/** Whatever the document: proofs end within their states, and nobody is more permissive than themselves. */
export function fuzz(input: Uint8Array): void {
  const policies = parseOrRefuse(input);
  if (policies === undefined) return;
  const same = proveAtMost(policies, policies, { statesMax });
  if (same.verdict === 'no') throw new Error('more permissive than itself');
  const empty = policies.map((policy) => ({ ...policy, document: { ...policy.document, statements: [] } }));
  if (proveAtMost(empty, policies, { statesMax }).verdict !== 'yes')
    throw new Error('nothing is more than something');
  if (diffPolicies(policies, empty, { statesMax }).additions.length > 0)
    throw new Error('nothing adds something');
  findDead(policies, { statesMax });
  proveNever(policies, { action: 'receive', resource: '*a?' }, { statesMax });
  proveNoCrossDevice(policies, { statesMax });
}

function parseOrRefuse(input: Uint8Array): readonly AttachedPolicy[] | undefined {
  try {
    const { document } = parsePolicy(input, { region: 'eu-test-1', accountId: '1' });
    return [{ name: 'p', versionId: 1, document, via: 'certificate' }];
  } catch (error) {
    if (error instanceof PolicyError) return undefined;
    throw error;
  }
}
