import { appendFileSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Test files that drive the `openssl` program, directly or through a helper beside them, and do not guard themselves with
 * `needs`: on a machine without it they are left out and named at the end of `npm test`.
 */
export function filesThatNeedOpenssl(root: string, patterns: readonly string[]): readonly string[] {
  return patterns
    .flatMap((pattern) => globSync(pattern, { cwd: root }))
    .filter((file) => !readFileSync(join(root, file), 'utf8').includes("needs('openssl'"))
    .filter((file) => drivesOpenssl(join(root, file), new Set()));
}

/** Adds the files to the list that `tools/test.ts` prints. */
export function noteNotRun(files: readonly string[], listFile: string | undefined): void {
  if (listFile === undefined) return;
  for (const file of files) appendFileSync(listFile, `openssl\topenssl\t${file}\n`);
}

function drivesOpenssl(file: string, seen: Set<string>): boolean {
  if (seen.has(file)) return false;
  seen.add(file);
  const source = readFileSync(file, 'utf8');
  if (/\bopenssl\(|\bstartTestPlatform\(|['"]openssl['"]/.test(source)) return true;
  const helpers = [...source.matchAll(/from '(\.[^']*\/?[^']*\.ts)'/g)].map(([, path]) =>
    join(dirname(file), path!),
  );
  return helpers.filter((helper) => helper.includes('/test/')).some((helper) => drivesOpenssl(helper, seen));
}
