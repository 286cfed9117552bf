import { InvalidInputError, parseStrictJson } from '@fleetward/core';
import type { PolicyRequest } from './decide-request.ts';
import { PolicyError } from './errors.ts';
import { IssueList } from './issues.ts';
import { below, readContext, readObject, readText } from './request-context.ts';

/** Largest request on paper, in bytes: a long topic and every attribute of a certificate fit. */
const REQUEST_BYTES_MAX = 128 * 1024;
const REQUEST_DEPTH_MAX = 8;

/**
 * Parses `{"action","resource","context":{"clientId","sourceIp","domainName","thing","certificate","connect"}}`, one
 * request as `fleetward policy decide` takes it. Throws `policy.request` with every issue.
 */
export function parsePolicyRequest(input: Uint8Array | string): PolicyRequest {
  const issues = new IssueList();
  const root = { path: '$', issues };
  const json = readObject(readJson(input), ['action', 'resource', 'context'], root);
  const request = {
    action: readText(json.action, below(root, 'action'), 'required') ?? '',
    resource: readText(json.resource, below(root, 'resource'), 'required') ?? '',
    context: readContext(json.context, below(root, 'context')),
  };
  issues.assertEmpty({ code: 'policy.request', subject: 'request' });
  return request;
}

function readJson(input: Uint8Array | string) {
  try {
    return parseStrictJson(input, { bytesMax: REQUEST_BYTES_MAX, depthMax: REQUEST_DEPTH_MAX });
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause;
    throw new PolicyError('policy.request', `request refused: ${cause.message}`, { cause });
  }
}
