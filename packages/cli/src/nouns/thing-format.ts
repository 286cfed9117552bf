import { Option } from 'commander';
import { usage } from '../errors.ts';

export type ThingFormat = 'csv' | 'jsonl';

export function formatOption(description: string): Option {
  return new Option('--format <format>', description).choices(['csv', 'jsonl']);
}

export function formatOf(file: string): ThingFormat {
  if (/\.csv$/i.test(file)) return 'csv';
  if (/\.(?:jsonl|ndjson)$/i.test(file)) return 'jsonl';
  throw usage(
    `the name of \`${file}\` does not say what is in it`,
    'say it with `--format csv` or `--format jsonl`',
  );
}
