import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireProgram } from './programs.ts';
import { runProgram } from './run-program.ts';
import type { TemporaryFolder } from './temporary-folder.ts';

/** A PKCS #11 token in software, with its files in a folder of the test. */
export interface SoftHsm {
  readonly module: string;
  readonly tokenLabel: string;
  readonly pin: string;
  readonly pinFile: string;
  /** Folder of `pkcs11js`, compiled. */
  readonly packagePath: string;
  /** What the module needs to find the token. */
  readonly environment: Readonly<Record<string, string>>;
}

const module = '/usr/lib/softhsm/libsofthsm2.so';

/** Makes a token, for suites behind `needs('softhsm2-util', 'softhsm2')`; they need `g++` too, once, to compile `pkcs11js`. */
export async function softHsm(folder: TemporaryFolder): Promise<SoftHsm> {
  const packagePath = await compiledPkcs11();
  const tokens = folder.join('tokens');
  mkdirSync(tokens);
  const configuration = folder.join('softhsm2.conf');
  writeFileSync(
    configuration,
    `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  const [tokenLabel, pin] = ['fleetward', '31415926'];
  const environment = { SOFTHSM2_CONF: configuration };
  const made = await runProgram(
    requireProgram('softhsm2-util', 'softhsm2'),
    ['--init-token', '--free', '--label', tokenLabel, '--so-pin', '27182818', '--pin', pin],
    { environment: { PATH: process.env.PATH, ...environment } },
  );
  if (made.code !== 0) throw new Error(`softhsm2-util: ${made.stderr}`);
  const pinFile = folder.join('token.pin');
  writeFileSync(pinFile, `${pin}\n`, { mode: 0o600 });
  return { module, tokenLabel, pin, pinFile, packagePath, environment };
}

async function compiledPkcs11(): Promise<string> {
  requireProgram('g++', 'g++');
  const builder = join(import.meta.dirname, '../../../tools/pkcs11/build.mjs');
  const built = await runProgram(process.execPath, [builder], {
    environment: process.env,
    timeoutMs: 120_000,
  });
  if (built.code !== 0) throw new Error(`pkcs11js cannot be compiled: ${built.stderr}`);
  return built.stdout.toString().trim();
}
