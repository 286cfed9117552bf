import { utf8 } from '@fleetward/core';
import { decideRequest, PolicyError, parsePolicy, parsePolicyRequest } from '../src/index.ts';

export const seeds: readonly Uint8Array[] = [
  {
    action: 'iot:Publish',
    resource: 'arn:aws:iot:eu-test-1:1:topic/a',
    context: {
      clientId: 'dev1',
      sourceIp: '::1',
      thing: { name: 'dev1', type: 't', attributes: { a: 'b' } },
      certificate: { id: 'x', subject: { CommonName: ['a', 'b'], AlternativeName: { DNSName: 'd' } } },
      connect: { persistent: true, willTopic: 'w' },
    },
  },
  { action: 'iot:ListRetainedMessages', resource: '*', context: {} },
].map((request) => utf8(JSON.stringify(request)));

const DOCUMENT = parsePolicy(
  JSON.stringify({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Action: '*', Resource: 'arn:aws:iot:*:*:topic/${iot:ClientId}*' },
  }),
  'unbound',
).document;

/** Parses a request on paper and decides it. */
export function fuzz(input: Uint8Array): void {
  try {
    const request = parsePolicyRequest(input);
    decideRequest([{ name: 'p', versionId: 1, document: DOCUMENT, via: 'certificate' }], request);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
  }
}
