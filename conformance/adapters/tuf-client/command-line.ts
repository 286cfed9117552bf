import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createUpdateClient, installRoot } from '@fleetward/updates';
import { keepTarget } from './keep-target.ts';
import { openMetadataFolder } from './metadata-folder.ts';
import { urlFetcher } from './url-fetcher.ts';

const names = ['metadata-dir', 'metadata-url', 'target-name', 'target-base-url', 'target-dir'] as const;
const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));

/** Follows one command line of CLIENT-CLI.md of the conformance suite. Throws with what went wrong. */
export async function followCommandLine(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const given = (name: (typeof names)[number]): string => {
    const value = values[name];
    if (typeof value === 'string') return value;
    throw new Error(`\`--${name}\` is missing`);
  };
  const [command, file] = positionals;
  const store = openMetadataFolder(given('metadata-dir'));
  if (command === 'init') return assertNo('init', await installRoot(store, readFileSync(file ?? '')));
  if (command !== 'refresh' && command !== 'download') throw new Error('init, refresh or download?');
  const target = command === 'download' ? given('target-name') : undefined;
  const targetsUrl = target === undefined ? undefined : given('target-base-url');
  const fetcher = urlFetcher({ metadata: given('metadata-url'), targets: targetsUrl });
  const client = createUpdateClient({ store, fetcher, clock: Date });
  assertNo('refresh', await client.refresh({ delegated: false }));
  if (target === undefined) return;
  const found = await client.findTarget(target);
  if (found.kind !== 'found') throw new Error(`\`${target}\`: ${JSON.stringify(found)}`);
  assertNo('download', await keepTarget(given('target-dir'), { client, target: found.target }));
}

function assertNo(what: string, outcome: { readonly kind: string }): void {
  if (outcome.kind === 'refused' || outcome.kind === 'unreachable')
    throw new Error(`${what}: ${JSON.stringify(outcome)}`);
}
