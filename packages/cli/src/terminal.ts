import type { Clock, Random } from '@fleetward/core';

/** Everything outside that a command may touch besides files and the platform; made in `main.ts` alone. */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly environment: Record<string, string | undefined>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Whether a person can be asked something. */
export function isInteractive({ stdin, stderr }: Terminal): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}

/** Whether colours are wanted: on a terminal, and `NO_COLOR` is not set (https://no-color.org). */
export function wantsColour(stream: NodeJS.WriteStream, { environment }: Terminal): boolean {
  return stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb';
}
