import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The version in this package's package.json. */
export const cliVersion: string = (
  JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    readonly version: string;
  }
).version;
