import { utf8 } from '@fleetward/core';
import { compilePrincipal, explainDecision, lintPolicy, PolicyError, parsePolicy } from '../src/index.ts';

const ARN = 'arn:aws:iot:REGION:ACCOUNT_ID:';

export const seeds: readonly Uint8Array[] = [
  { Effect: 'Allow', Action: 'iot:Connect', Resource: `${ARN}client/\${iot:Connection.Thing.ThingName}` },
  { Effect: 'Deny', Action: ['iot:*'], NotResource: [`${ARN}topic/a/*`, `${ARN}topic?ilter/$(*)+/#`] },
  {
    Sid: 'a',
    Effect: 'Allow',
    Action: '*',
    Resource: '*',
    Condition: {
      'ForAllValues:StringEquals': { 'iot:ConnectAttributes': ['LastWill'] },
      ArnLike: { 'iot:LastWillTopic': `${ARN}topic/\${iot:ClientId}` },
      IpAddress: { 'aws:SourceIp': '192.0.2.0/24' },
      DateLessThan: { 'aws:CurrentTime': '2030-01-01T00:00:00Z' },
    },
  },
].map((statement) => utf8(JSON.stringify({ Version: '2012-10-17', Statement: [statement] })));

/** Parses, lints, compiles and asks; both forms of the answer must agree. */
export function fuzz(input: Uint8Array): void {
  const document = parseOrRefuse(input);
  if (document === undefined) return;
  lintPolicy(document);
  const context = { clientId: 'dev1', thing: { name: 'dev1' }, sourceIp: '192.0.2.1' };
  const principal = compilePrincipal([{ name: 'p', versionId: 1, document, via: 'certificate' }], context);
  for (const name of ['', 'a/b', 'dev1', '#']) {
    const decision = principal.decide('iot:Publish', name);
    explainDecision(decision);
    if (principal.allows('iot:Publish', name) !== (decision.kind === 'allow')) throw new Error('two answers');
  }
}

function parseOrRefuse(input: Uint8Array) {
  try {
    return parsePolicy(input, { region: 'eu-test-1', accountId: '1' }).document;
  } catch (error) {
    if (error instanceof PolicyError) return undefined;
    throw error;
  }
}
