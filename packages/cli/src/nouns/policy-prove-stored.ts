import { type DeadStatements, POLICY_BYTES_MAX, type PolicyDiff, type Proof } from '@fleetward/policy';
import { diffPolicySets, findDeadStatements, provePolicies } from '@fleetward/protocol';
import { usage } from '../errors.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import { showDead, showDiff } from './policy-proof.ts';
import { type ProvableProperty, type ProveFlags, questionOf, sharing } from './policy-prove-flags.ts';

interface Question {
  readonly files: readonly string[];
  /** Documents that the question is about, beside what is stored. */
  readonly own: readonly string[];
  readonly stored: readonly string[];
  readonly flags: ProveFlags;
  readonly shell: Shell;
  readonly show: (proof: Proof) => void;
}

/** The platform answers about the policies in force; documents in files are attached beside them. */
export async function askPlatform(property: ProvableProperty, question: Question): Promise<void> {
  const { shell, stored, own, files } = question;
  const policyNames = [...stored];
  if (property === 'diff') {
    const before = { policyNames, documents: await textsOf(own, shell) };
    const now = { documents: [await otherSide(property, question)] };
    const diff = await shell.withApi((api) => api.call(diffPolicySets, { body: { before, now } }));
    showDiff(diff as PolicyDiff, shell);
  } else if (property === 'dead') {
    const body = { policyNames, documents: await textsOf([...own, ...files], shell) };
    const found = await shell.withApi((api) => api.call(findDeadStatements, { body }));
    showDead(found as DeadStatements, { shell, files: [...stored, ...own, ...files] });
  } else {
    question.show(await prove(property, question));
  }
}

async function prove(
  property: Exclude<ProvableProperty, 'diff' | 'dead'>,
  question: Question,
): Promise<Proof> {
  const { files, own, stored, shell } = question;
  const isComparison = property === 'at-most' || property === 'equal';
  const body = {
    policyNames: [...stored],
    documents: await textsOf(isComparison ? own : [...own, ...files], shell),
    property: isComparison
      ? { kind: property, document: await otherSide(property, question) }
      : written(property, question.flags),
  };
  return (await shell.withApi((api) => api.call(provePolicies, { body }))) as Proof;
}

function written(kind: 'never' | 'no-cross-device', flags: ProveFlags) {
  if (kind === 'never') return { kind, ...questionOf(flags) };
  const { shared, unique, withoutExclusive } = sharing(flags);
  return { kind, shared: [...shared], unique: [...unique], withoutExclusive };
}

async function otherSide(property: ProvableProperty, { files, shell }: Question): Promise<string> {
  const [text, ...more] = await textsOf(files, shell);
  if (text !== undefined && more.length === 0) return text;
  throw usage(`\`${property}\` with \`--stored\` needs one file, the other side`);
}

function textsOf(files: readonly string[], { terminal }: Shell): Promise<string[]> {
  return Promise.all(
    files.map(async (file) => {
      const bytes = await readInput(file, { terminal, bytesMax: POLICY_BYTES_MAX });
      return Buffer.from(bytes).toString('utf8');
    }),
  );
}
