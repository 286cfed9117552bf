import { compilePrincipal, parsePolicy } from '@fleetward/policy';
import { median } from '../figures.ts';
import { cpuSecondsSince } from './measure.ts';

/** Patterns that make a matcher which tries again go through every way to divide a text of `a` among the stars. */
const patterns = {
  '*a*a…*b*': `${'*a'.repeat(200)}*b*`,
  '*a?a?…b*': `*${'a?'.repeat(200)}b*`,
  '*aaa…b*': `*${'a'.repeat(400)}b*`,
};
const lengths = [1_024, 4_096, 16_384, 65_536] as const;

/** What `--json` prints of one pattern: nanoseconds of processor time a byte of the topic, by the topic's length. */
export interface GlobFigures {
  readonly pattern: string;
  readonly nanosecondsPerByte: Readonly<Record<string, number>>;
}

/** Matches topics of ever more `a` against each pattern; flat figures mean that the cost is linear. */
export function benchGlobs({
  seconds,
  rounds,
}: {
  readonly seconds: number;
  readonly rounds: number;
}): readonly GlobFigures[] {
  return Object.entries(patterns).map(([pattern, written]) => {
    const mayPublish = publisherOf(written);
    const perByte = lengths.map((length) => {
      const topic = 'a'.repeat(length);
      const runs = Array.from({ length: rounds }, () => nanosecondsPerByte(topic, { mayPublish, seconds }));
      return [String(length), Math.round(median(runs) * 100) / 100];
    });
    return { pattern, nanosecondsPerByte: Object.fromEntries(perByte) };
  });
}

function nanosecondsPerByte(
  topic: string,
  { mayPublish, seconds }: { readonly mayPublish: (topic: string) => boolean; readonly seconds: number },
): number {
  const until = performance.now() + (seconds * 1_000) / lengths.length;
  const before = process.cpuUsage();
  let bytes = 0;
  do {
    if (mayPublish(topic)) throw new Error('a pattern that asks for `b` matches a topic of `a`');
    bytes += topic.length;
  } while (performance.now() < until);
  return (cpuSecondsSince(before) * 1e9) / bytes;
}

function publisherOf(pattern: string): (topic: string) => boolean {
  const Resource = `arn:aws:iot:*:*:topic/${pattern}`;
  const text = JSON.stringify({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Action: 'iot:Publish', Resource },
  });
  const { document } = parsePolicy(text, { region: 'local', accountId: '000000000000' });
  const principal = compilePrincipal([{ name: 'bench', versionId: 1, via: 'certificate', document }], {});
  return (topic) => principal.allows('iot:Publish', topic);
}
