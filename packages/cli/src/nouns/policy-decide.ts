import { isAppError } from '@fleetward/core';
import {
  type AttachedPolicy,
  type Decision,
  decideRequest,
  explainDecision,
  type PolicyRequest,
  parsePolicyRequest,
} from '@fleetward/policy';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { readLines } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import { readPolicies } from './policy-files.ts';

interface DecideFlags {
  readonly policy: readonly string[];
  readonly requests: string;
}

const requestBytesMax = 256 * 1_024;

/** `fleetward policy decide`: decides requests by documents in files, without a platform. */
export function addPolicyDecide(noun: Command, shell: Shell): void {
  const { terminal, output, exitWith } = shell;
  addVerb(noun, 'decide', {
    summary: 'decide requests by documents in files, without a platform',
    description:
      'Decides each line of a file of requests, as a principal to which all the given policies are attached, and answers in the same order. A ' +
      'request is `{"action","resource","context":{"clientId","sourceIp","thing","certificate","connect"}}`; only action and resource ' +
      '(an ARN) must be there. Exit code 0: all were decided, whatever the decisions; 2: something could not be read.',
    examples: [
      'fleetward policy decide --policy lamps.json --requests requests.jsonl --json',
      `echo '{"action":"iot:Publish","resource":"arn:aws:iot:local:000000000000:topic/a"}' | fleetward policy decide --policy lamps.json --requests -`,
    ],
  })
    .requiredOption('--policy <file...>', 'policy documents')
    .requiredOption('--requests <file>', 'requests, a JSON document a line; `-` reads standard input')
    .action(async (flags: DecideFlags) => {
      const policies = await readPolicies(flags.policy, terminal);
      let number = 0;
      for await (const line of readLines(flags.requests, { terminal, lineBytesMax: requestBytesMax })) {
        number++;
        if (line !== 'too-long' && isBlank(line)) continue;
        const answer = line === 'too-long' ? tooLong : answerLine(line, policies);
        output.done(...shown(answer, number));
        if (answer.kind === 'unreadable') exitWith(2);
      }
    });
}

type Answer =
  | { readonly kind: 'decided'; readonly request: PolicyRequest; readonly decision: Decision }
  | { readonly kind: 'unreadable'; readonly code: string; readonly message: string };

const tooLong: Answer = {
  kind: 'unreadable',
  code: 'policy.request',
  message: `request refused: the line has more than ${requestBytesMax} bytes`,
};

/** A line that cannot be read is answered too: the answers stay in step with the requests. */
function answerLine(line: Uint8Array, policies: readonly AttachedPolicy[]): Answer {
  try {
    const request = parsePolicyRequest(line);
    return { kind: 'decided', request, decision: decideRequest(policies, request) };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { kind: 'unreadable', code: error.code, message: error.message };
  }
}

function shown(answer: Answer, line: number): [object, string] {
  if (answer.kind === 'unreadable') {
    const { code, message } = answer;
    return [{ line, error: { code, message } }, `line ${line}: ${message} [${code}]`];
  }
  const { request, decision } = answer;
  const { kind, ...why } = decision;
  const explanation = explainDecision(decision);
  const asked = { action: request.action, resource: request.resource };
  return [{ decision: kind, explanation, ...why, ...asked }, `${kind.padEnd(12)}  ${explanation}`];
}

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
}
