import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needs } from '@fleetward/testkit';

export interface OpensslFolder {
  /** Runs the program inside the folder; throws with its stderr when it fails. */
  run(...args: readonly string[]): string;
  /** The same, but a failure is an answer. */
  try(...args: readonly string[]): { readonly ok: boolean; readonly output: string };
  write(name: string, content: string | Uint8Array): string;
  read(name: string): Buffer;
  [Symbol.dispose](): void;
}

/** Suites that run where the program is; elsewhere they are named, and with `CI=true` they fail. */
export const withOpenssl = needs('openssl', 'openssl');

/** A throw-away folder in which the `openssl` program works. */
export function opensslFolder(): OpensslFolder {
  const folder = mkdtempSync(join(tmpdir(), 'fleetward-pki-'));
  const attempt = (args: readonly string[]) => {
    const result = spawnSync('openssl', args, {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
    });
    return { ok: result.status === 0, output: result.stdout + result.stderr };
  };
  return {
    run(...args) {
      const { ok, output } = attempt(args);
      if (!ok) throw new Error(`openssl ${args.join(' ')}: ${output}`);
      return output;
    },
    try: (...args) => attempt(args),
    write(name, content) {
      writeFileSync(join(folder, name), content);
      return name;
    },
    read: (name) => readFileSync(join(folder, name)),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
