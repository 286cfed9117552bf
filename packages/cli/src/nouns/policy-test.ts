import { POLICY_BYTES_MAX } from '@fleetward/policy';
import { type Part, testPolicy } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, repeatable } from '../define.ts';
import { usage } from '../errors.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import { namingFile } from './naming-file.ts';
import { addHypothesisOptions, type HypothesisFlags, hypothesisOf } from './policy-hypothesis.ts';

interface TestFlags extends HypothesisFlags {
  readonly clientId?: string;
  readonly certificate?: string;
  readonly thing?: string;
  readonly sourceIp?: string;
  readonly policy?: readonly string[];
  readonly document?: readonly string[];
}

type Question = Part<(typeof testPolicy)['body']>;

/** `fleetward policy test`: asks the platform what a principal, real or hypothetical, may do. */
export function addPolicyTest(noun: Command, shell: Shell): void {
  const { output, withApi, exitWith } = shell;
  const verb = addVerb(noun, 'test <action-and-resource...>', {
    summary: 'ask the platform what a device may do, without doing it',
    description:
      'Decides pairs of action and resource as the gateway would, for a thing or certificate with what is attached to it, or for a ' +
      'hypothetical device, and says by which statement; `--json` has the statement, the variables and the nearest miss as fields. ' +
      'A resource is an ARN or its tail. Exit code 0: all allowed; 1: something denied.',
    examples: [
      'fleetward policy test --thing lamp-7 iot:Publish topic/telemetry/lamp-7',
      'fleetward policy test --certificate 9f86d081884c7d65… --client-id lamp-7 iot:Publish topic/telemetry/lamp-7',
      "fleetward policy test --document lamps.json --hypothetical-thing lamp-7 Connect client/lamp-7 Subscribe 'topicfilter/#'",
      'fleetward policy test --policy lamps --hypothetical-thing lamp-7 --type lamp --attribute hall=2 --certificate-field Subject.CommonName=lamp-7 Publish topic/halls/2/lamp-7',
    ],
  });
  addHypothesisOptions(verb)
    .option('--thing <name>', 'a thing that exists')
    .option(
      '--certificate <id>',
      'the certificate it connects with; by default the one of the thing that may',
    )
    .option('--client-id <id>', 'the client id it connects with; by default the name of the thing')
    .option('--source-ip <address>', 'the address it connects from')
    .addOption(repeatable('--policy <name>', 'decide by this stored policy instead of the attached ones'))
    .addOption(repeatable('--document <file>', 'decide by this document too, though not stored'))
    .action(async (words: readonly string[], flags: TestFlags) => {
      const body = await questionOf(words, { flags, shell });
      const decide = () => withApi((api) => api.call(testPolicy, { body }));
      const [file = '', ...more] = flags.document ?? [];
      const [text] = body.documents ?? [];
      // Of several documents the platform does not say which one it refuses.
      const alone = text === undefined || more.length > 0 ? undefined : { file, text };
      const { results } = await (alone === undefined ? decide() : namingFile(alone, decide));
      output.list(
        results,
        {
          decision: (row) => row.decision,
          action: (row) => row.action,
          resource: (row) => row.resource,
          why: (row) => row.explanation,
        },
        '',
      );
      if (results.some(({ decision }) => decision !== 'allow')) exitWith(1);
    });
}

async function questionOf(
  words: readonly string[],
  { flags, shell }: { readonly flags: TestFlags; readonly shell: Shell },
): Promise<Question> {
  const { clientId, certificate, thing, sourceIp, policy, document } = flags;
  const documents = document === undefined ? undefined : await readDocuments(document, shell);
  return {
    requests: pairsOf(words),
    ...(clientId === undefined ? {} : { clientId }),
    ...(certificate === undefined ? {} : { certificateId: certificate }),
    ...(thing === undefined ? {} : { thingName: thing }),
    ...hypothesisOf(flags),
    ...(sourceIp === undefined ? {} : { sourceIp }),
    ...(policy === undefined ? {} : { policyNames: [...policy] }),
    ...(documents === undefined ? {} : { documents }),
  };
}

function pairsOf(words: readonly string[]): Question['requests'] {
  if (words.length % 2 !== 0)
    throw usage(`\`${words.at(-1)}\` stands alone: give pairs of action and resource`);
  return Array.from({ length: words.length / 2 }, (_, index) => ({
    action: words[2 * index] ?? '',
    resource: words[2 * index + 1] ?? '',
  }));
}

async function readDocuments(files: readonly string[], { terminal }: Shell): Promise<string[]> {
  const documents: string[] = [];
  for (const file of files) {
    documents.push(
      Buffer.from(await readInput(file, { terminal, bytesMax: POLICY_BYTES_MAX })).toString('utf8'),
    );
  }
  return documents;
}
