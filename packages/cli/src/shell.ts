import type { ApiClient } from '@fleetward/protocol';
import type { Command } from 'commander';
import { type ContextFlags, resolveContext } from './context.ts';
import { createOutput, type Output } from './output.ts';
import type { Terminal } from './terminal.ts';

/** What every command is given. */
export interface Shell {
  readonly terminal: Terminal;
  readonly output: Output;
  readonly flags: ContextFlags;
  /** Calls the platform as the operator, and hangs up afterwards. */
  withApi<Result>(work: (api: ApiClient) => Promise<Result>): Promise<Result>;
  /** The command did its work and the answer is no (1), or some input could not be read (2). */
  exitWith(code: 1 | 2): void;
  readonly exitCode: 0 | 1 | 2;
}

/** The flags are known only once the command line is parsed, so everything that hangs on them is made when asked for. */
export function createShell(program: Command, terminal: Terminal): Shell {
  let exitCode: Shell['exitCode'] = 0;
  const output = createOutput(terminal, () => program.opts<{ json?: boolean }>().json === true);
  const flags = (): ContextFlags => program.opts<ContextFlags>();
  return {
    terminal,
    output,
    get flags() {
      return flags();
    },
    get exitCode() {
      return exitCode;
    },
    exitWith: (code) => {
      if (code > exitCode) exitCode = code;
    },
    withApi: async (work) => {
      const context = resolveContext(flags(), terminal.environment);
      const { callPlatform } = await import('./with-api.ts');
      return callPlatform(context, work);
    },
  };
}
