import { InvalidInputError, parseStrictJson, utf8 } from '@fleetward/core';
import { createPolicy, listDenials, publishMetadata, type Route, testPolicy } from '@fleetward/protocol';
import { bearerToken } from '../src/http/authentication.ts';
import { HttpError } from '../src/http/errors.ts';
import { parseRange } from '../src/http/range.ts';
import { compileRequestCheck } from '../src/http/validate-request.ts';

const lengthBytes = 1_000;
const routes: readonly Route[] = [createPolicy, testPolicy, publishMetadata, listDenials];
const checks = routes.map(compileRequestCheck);

export const seeds: readonly Uint8Array[] = [
  '{"policyName":"telemetry","document":"{}"}',
  '{"clientId":"c","requests":[{"action":"iot:Publish","resource":"topic/a"}],"documents":["{}"]}',
  '{"roots":["AAAA"],"targets":"AA=="}',
  '{"limit":"10","cause":"limit","sinceMs":"5"}',
  'bytes=0-99',
  'bytes=-5',
  'Bearer fwo_abc',
].map(utf8);

/** A request's body, query and headers as a stranger may send them. */
export function fuzz(input: Uint8Array): void {
  const text = Buffer.from(input).toString('latin1');
  bearerToken(text);
  checkRange(text);
  const value = parse(input);
  for (const check of checks) checkRequest(check, value);
}

function checkRange(text: string): void {
  const range = parseRange(text, lengthBytes);
  if (range === undefined || range === 'unsatisfiable') return;
  if (range.start < 0 || range.end < range.start || range.end >= lengthBytes)
    throw new Error('a range beyond the file');
}

function parse(input: Uint8Array): unknown {
  try {
    return parseStrictJson(input, { bytesMax: 65_536, depthMax: 32 });
  } catch (cause) {
    if (cause instanceof InvalidInputError) return undefined;
    throw cause;
  }
}

function checkRequest(check: ReturnType<typeof compileRequestCheck>, value: unknown): void {
  try {
    check({ params: value, query: value, body: value });
  } catch (cause) {
    if (!(cause instanceof HttpError)) throw cause;
  }
}
