import { join, resolve } from 'node:path';
import type { MasterKeySource, SigningProcessOptions } from '@fleetward/keys';
import type { Config } from './config.ts';

/** The program that holds the private keys; compiled it stands beside this file as JavaScript. */
const signingProcessEntry = join(
  import.meta.dirname,
  `signing-process-main${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`,
);

/** How the platform's signing process is started, by the settings. */
export function signingOptions(
  config: Config,
): Pick<SigningProcessOptions, 'entry' | 'keyFolder' | 'masterKey' | 'previousMasterKeys' | 'hsm'> {
  return {
    entry: signingProcessEntry,
    keyFolder: join(config.folder, 'keys'),
    masterKey: sourceOf(config.masterKey, config),
    previousMasterKeys: config.previousMasterKeys.map((source) => sourceOf(source, config)),
    ...hsmOf(config),
  };
}

function hsmOf(config: Config): Pick<SigningProcessOptions, 'hsm'> {
  const { hsm } = config;
  if (hsm.kind === 'off') return {};
  const { module: modulePath, package: packagePath, tokenLabel, pin, environment = [] } = hsm;
  const apart = packagePath === undefined ? {} : { packagePath: resolve(config.folder, packagePath) };
  return { hsm: { ...apart, modulePath, tokenLabel, pin: sourceOf(pin, config), environment } };
}

/** The setting `masterKey` in the terms of the keys package. */
function sourceOf(setting: Config['masterKey'], { folder }: Pick<Config, 'folder'>): MasterKeySource {
  switch (setting.kind) {
    case 'file':
      return { kind: 'file', path: resolve(folder, setting.path) };
    case 'environment':
      return { kind: 'environment', variable: setting.name };
    case 'systemd-credential':
      return { kind: 'systemd-credential', name: setting.name };
  }
}
