import { join, resolve } from 'node:path';
import type { MasterKeySource } from '@fleetward/keys';
import type { Config } from './config.ts';

/** The program that holds the private keys; compiled it stands beside this file as JavaScript. */
export const signingProcessEntry = join(
  import.meta.dirname,
  `signing-process-main${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`,
);

/** The setting `masterKey` in the terms of the keys package. */
export function masterKeySource(config: Config): MasterKeySource {
  const source = config.masterKey;
  switch (source.kind) {
    case 'file':
      return { kind: 'file', path: resolve(config.folder, source.path) };
    case 'environment':
      return { kind: 'environment', variable: source.name };
    case 'systemd-credential':
      return { kind: 'systemd-credential', name: source.name };
  }
}
