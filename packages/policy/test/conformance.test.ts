import { describe, expect, it } from 'vitest';
import {
  decideRequest,
  explainDecision,
  lintPolicy,
  type PolicyBinding,
  PolicyError,
  parsePolicy,
  parsePolicyRequest,
} from '../src/index.ts';
import { loadVectors } from './vectors.ts';

interface ValidVector {
  readonly description: string;
  readonly binding: PolicyBinding | 'unbound';
  readonly document: unknown;
  readonly notes?: readonly { readonly path: string; readonly literal: string; readonly value: string }[];
  readonly lints?: readonly string[];
}

describe('valid documents', () => {
  const vectors = loadVectors<ValidVector>('valid');
  it('are there', () => expect(vectors.length).toBeGreaterThan(10));
  it.each(vectors)('%s parses, with its notes and lints', (_, vector) => {
    const { document, notes } = parsePolicy(JSON.stringify(vector.document), vector.binding);
    if (vector.notes !== undefined) expect(notes).toMatchObject(vector.notes);
    if (vector.lints === undefined) return;
    expect(
      lintPolicy(document)
        .map(({ id, path }) => `${id}@${path}`)
        .sort(),
    ).toEqual([...vector.lints].sort());
  });
});

interface InvalidVector {
  readonly description: string;
  readonly binding: PolicyBinding;
  readonly document?: unknown;
  readonly text?: string;
  readonly issues: readonly string[];
}

describe('invalid documents', () => {
  const vectors = loadVectors<InvalidVector>('invalid');
  it('are there', () => expect(vectors.length).toBeGreaterThan(50));
  it.each(vectors)('%s is refused, each issue with its path and expectation', (_, vector) => {
    const error = refusal(() => parsePolicy(vector.text ?? JSON.stringify(vector.document), vector.binding));
    expect(error.code).toBe('policy.invalid');
    expect(error.issues.map(({ path }) => path)).toEqual(vector.issues);
    for (const { message, expected } of error.issues) {
      expect(message).not.toBe('');
      expect(expected).not.toBe('');
    }
  });
});

interface DecisionVector {
  readonly description: string;
  readonly policies: readonly {
    readonly name: string;
    readonly versionId: number;
    readonly via: 'certificate' | 'group';
    readonly document: unknown;
  }[];
  readonly cases: readonly {
    readonly request: unknown;
    readonly decision: string;
    readonly statement?: number;
    readonly nowMs?: number;
  }[];
}

const BINDING = { region: 'us-east-1', accountId: '123456789012' };

describe.each(['bound', 'unbound'] as const)('decisions of %s documents', (mode) => {
  const vectors = loadVectors<DecisionVector>('decisions');
  it('are there', () => expect(vectors.length).toBeGreaterThan(50));
  it.each(vectors)('%s', (_, vector) => {
    const policies = vector.policies.map((policy) => {
      const text = JSON.stringify(policy.document);
      return { ...policy, document: parsePolicy(text, mode === 'bound' ? BINDING : 'unbound').document };
    });
    for (const { request, decision, statement, nowMs } of vector.cases) {
      const asked = {
        ...parsePolicyRequest(JSON.stringify(request)),
        ...(nowMs === undefined ? {} : { nowMs }),
      };
      const answer = decideRequest(policies, asked);
      expect(answer.kind, `${JSON.stringify(request)}: ${explainDecision(answer)}`).toBe(decision);
      if (statement !== undefined) expect(answer).toMatchObject({ statement: { index: statement } });
    }
  });
});

function refusal(action: () => unknown): PolicyError {
  try {
    action();
  } catch (error) {
    if (error instanceof PolicyError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
