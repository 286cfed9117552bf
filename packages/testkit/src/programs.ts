import { accessSync, appendFileSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from 'vitest';

/** What the rule below looks at; normally the process's own environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where Debian puts programs that are not on everybody's PATH. */
const extraFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
const postgresFolder = '/usr/lib/postgresql';
/** Stands where a program would. */
const rootUser = 'the user root';

/** Absolute path of a program on PATH, among the system's own, or among PostgreSQL's server programs (newest first). */
export function findProgram(name: string, environment: Environment = process.env): string | undefined {
  const folders = [...(environment.PATH ?? '').split(delimiter), ...extraFolders, ...postgresFolders()];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** Like `findProgram`, for code behind `needs`: throws with the Debian package's name when it is absent. */
export function requireProgram(name: string, debianPackage: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`\`${name}\` is not installed: apt-get install ${debianPackage}`);
  return path;
}

/** A program a suite cannot do without. */
export interface Need {
  readonly program: string;
  readonly debianPackage: string;
}

/** What becomes of a suite: it runs, is named as not run, or fails because CI promises to have everything. */
export function suiteFate(need: Need, environment: Environment = process.env): 'run' | 'skip' | 'fail' {
  const isThere =
    need.program === rootUser
      ? process.getuid?.() === 0
      : findProgram(need.program, environment) !== undefined;
  if (isThere) return 'run';
  return environment.CI === 'true' ? 'fail' : 'skip';
}

/**
 * `needs('initdb', 'postgresql').describe('stores on PostgreSQL', () => …)`: the suite runs where the program is. Elsewhere
 * it is skipped and noted in the file that `FLEETWARD_NOT_RUN` names; with `CI=true` it fails.
 */
export function needs(
  program: string,
  debianPackage: string,
): { readonly describe: (suite: string, body: () => void) => void } {
  const need = { program, debianPackage };
  return { describe: (suite, body) => declareSuite(suite, { need, body }) };
}

/** The same for what only root may do, such as mounting a file system. */
export function needsRoot(): ReturnType<typeof needs> {
  const need = { program: rootUser, debianPackage: '' };
  return { describe: (suite, body) => declareSuite(suite, { need, body }) };
}

/** Appends `program<TAB>debian-package<TAB>suite` to the file that `FLEETWARD_NOT_RUN` names, if it names one. */
export function noteNotRun(suite: string, need: Need, environment: Environment = process.env): void {
  const file = environment.FLEETWARD_NOT_RUN;
  if (file !== undefined && file !== '') {
    appendFileSync(file, `${need.program}\t${need.debianPackage}\t${suite.replaceAll(/[\t\n]/g, ' ')}\n`);
  }
}

function declareSuite(suite: string, options: { readonly need: Need; readonly body: () => void }): void {
  const { need, body } = options;
  const install = need.debianPackage === '' ? '' : `: apt-get install ${need.debianPackage}`;
  const reason = `needs \`${need.program}\`${install}`;
  switch (suiteFate(need)) {
    case 'run':
      describe(suite, body);
      return;
    case 'skip':
      noteNotRun(suite, need);
      describe.skip(suite, () => test(reason, () => undefined));
      return;
    case 'fail':
      describe(suite, () => {
        test(reason, () => {
          throw new Error(reason);
        });
      });
  }
}

function postgresFolders(): readonly string[] {
  try {
    const versions = readdirSync(postgresFolder).filter((entry) => /^\d+$/.test(entry));
    return versions
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(postgresFolder, version, 'bin'));
  } catch {
    return []; // Not installed.
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
