import { requireProgram } from './programs.ts';
import { type RunOptions, runProgram } from './run-program.ts';

/** Runs the `openssl` program and resolves to its standard output; throws with its complaint when it fails. */
export async function openssl(args: readonly string[], options: RunOptions = {}): Promise<Buffer> {
  const { code, signal, stdout, stderr } = await runProgram(
    requireProgram('openssl', 'openssl'),
    args,
    options,
  );
  if (code !== 0) throw new Error(`openssl ${args.join(' ')}: ${signal ?? `exit code ${code}`}\n${stderr}`);
  return stdout;
}
