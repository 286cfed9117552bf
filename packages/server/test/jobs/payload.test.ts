import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { operationOf } from '../../src/jobs/answer.ts';
import { readJobRequest, Unreadable } from '../../src/jobs/payload.ts';

const folder = join(import.meta.dirname, '../../../../conformance/vectors/jobs');
const vectors = <Vector>(kind: 'valid' | 'invalid') =>
  readdirSync(join(folder, kind)).map(
    (name) => [name, JSON.parse(readFileSync(join(folder, kind, name), 'utf8')) as Vector] as const,
  );
const limits = { statusDetailsMax: 32 };

interface Asked {
  readonly topic: string;
  readonly payload: string;
}

function read({ topic, payload }: Asked) {
  const [, , thing = '', , ...rest] = topic.split('/');
  return { operation: operationOf(thing, rest), request: readJobRequest(Buffer.from(payload), limits) };
}

describe('the published requests', () => {
  type Valid = Asked & {
    readonly expected: { readonly operation: string; readonly jobId?: string; readonly request: object };
  };
  test.each(vectors<Valid>('valid'))('%s is read as it says', (_name, vector) => {
    const { operation, request } = read(vector);
    const { expected } = vector;
    expect(operation).toEqual({
      kind: expected.operation,
      thingName: 'lamp',
      ...(expected.jobId === undefined ? {} : { jobId: expected.jobId }),
    });
    const said = Object.entries(request).filter(([, value]) => value !== undefined);
    expect(Object.fromEntries(said)).toEqual({ includeJobExecutionState: false, ...expected.request });
  });

  type Invalid = Asked & { readonly code: string; readonly clientToken?: string };
  test.each(vectors<Invalid>('invalid'))('%s is rejected as it says', (_name, vector) => {
    expect(rejectionOf(vector)).toEqual({ code: vector.code, clientToken: vector.clientToken });
  });
});

function rejectionOf(asked: Asked): { readonly code?: string; readonly clientToken?: string | undefined } {
  try {
    const { operation, request } = read(asked);
    return operation.kind === 'rejected'
      ? { code: operation.code, clientToken: request.clientToken }
      : { code: operation.kind };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { code: error.code, clientToken: error.clientToken };
  }
}

test('whatever JSON a device sends: it is read within its bounds, or refused', () => {
  const member = fc.constantFrom(
    'status',
    'statusDetails',
    'stepTimeoutInMinutes',
    'expectedVersion',
    'executionNumber',
    'includeJobDocument',
    'clientToken',
    '__proto__',
  );
  fc.assert(
    fc.property(fc.dictionary(member, fc.jsonValue({ maxDepth: 3 })), (value) => {
      try {
        const request = readJobRequest(Buffer.from(JSON.stringify(value)), limits);
        const { stepTimeoutMinutes = 1, statusDetails = {} } = request;
        expect(stepTimeoutMinutes === -1 || (stepTimeoutMinutes >= 1 && stepTimeoutMinutes <= 10_080)).toBe(
          true,
        );
        expect(Object.values(statusDetails).every((text) => typeof text === 'string' && text !== '')).toBe(
          true,
        );
      } catch (error) {
        expect(error).toBeInstanceOf(Unreadable);
      }
    }),
  );
});

test('more than the setting allows to be said of an execution is refused', () => {
  const payload = (count: number) =>
    Buffer.from(
      JSON.stringify({
        statusDetails: Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 'v'])),
      }),
    );
  expect(readJobRequest(payload(32), limits).statusDetails).toHaveProperty('k31', 'v');
  expect(() => readJobRequest(payload(33), limits)).toThrow('more than 32 pairs');
  expect(() => readJobRequest(Buffer.alloc(131_073, ' '), limits)).toThrow('cannot be read');
});
