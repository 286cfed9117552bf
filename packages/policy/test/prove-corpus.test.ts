import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  type AttachedPolicy,
  findDead,
  parsePolicy,
  proveAtMost,
  proveEqual,
  proveNever,
  proveNoCrossDevice,
} from '../src/index.ts';

const ROOT = join(import.meta.dirname, '../../../conformance/vectors/policy/proofs');

type Question =
  | {
      readonly property: 'never';
      readonly action: string;
      readonly resource: string;
      readonly verdict: string;
    }
  | {
      readonly property: 'no-cross-device';
      readonly shared?: readonly string[];
      readonly unique?: readonly string[];
      readonly withoutExclusive?: boolean;
      readonly verdict: string;
    }
  | { readonly property: 'at-most' | 'equal'; readonly others: readonly object[]; readonly verdict: string }
  | { readonly property: 'dead'; readonly dead: readonly number[] };

interface Vector {
  readonly description: string;
  readonly policies: readonly object[];
  readonly questions: readonly Question[];
}

const answers = { decided: 0, undecided: 0 };

test.for(readdirSync(ROOT).map((file) => [file] as const))('%s', ([file]) => {
  const { policies, questions } = JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as Vector;
  for (const question of questions) {
    const { expected, found } = answer(attached(policies), question);
    answers[found === 'undecided' ? 'undecided' : 'decided']++;
    expect(found, JSON.stringify(question)).toEqual(expected);
  }
});

afterAll(() => {
  const { decided, undecided } = answers;
  const all = decided + undecided;
  process.stdout.write(
    `proofs about realistic policies: ${all}, undecided ${undecided} (${Math.round((100 * undecided) / all)} %)\n`,
  );
});

function answer(policies: readonly AttachedPolicy[], question: Question) {
  switch (question.property) {
    case 'never':
      return { expected: question.verdict, found: proveNever(policies, question).verdict };
    case 'no-cross-device':
      return { expected: question.verdict, found: proveNoCrossDevice(policies, question).verdict };
    case 'at-most':
      return { expected: question.verdict, found: proveAtMost(policies, attached(question.others)).verdict };
    case 'equal':
      return { expected: question.verdict, found: proveEqual(policies, attached(question.others)).verdict };
    case 'dead': {
      const { dead, undecided } = findDead(policies);
      const found = undecided.length > 0 ? 'undecided' : dead.map(({ index }) => index);
      return { expected: question.dead, found };
    }
  }
}

function attached(documents: readonly object[]): readonly AttachedPolicy[] {
  return documents.map((document, index) => ({
    name: `policy-${index + 1}`,
    versionId: 1,
    via: 'certificate',
    document: parsePolicy(JSON.stringify(document), 'unbound').document,
  }));
}
