import { requireProgram } from './programs.ts';
import {
  type Outcome,
  type RunningProgram,
  type RunOptions,
  runProgram,
  startProgram,
} from './run-program.ts';

/** Debian's Mosquitto command line clients: MQTT as others implemented it. */
export interface MosquittoClients {
  /** `mosquitto_pub`, to its end. */
  publish(args: readonly string[]): Promise<Outcome>;
  /** `mosquitto_sub`, running; with `-d` it prints `Subscribed` once the broker has granted. */
  subscribe(args: readonly string[]): RunningProgram;
  /** `mosquitto_rr` (MQTT 5 request and response), to its end. */
  request(args: readonly string[]): Promise<Outcome>;
}

/** `common` comes before the arguments of every call: host, port, certificate files. Each client is killed after `timeoutMs`. */
export function mosquittoClients(
  common: readonly string[],
  options: { readonly timeoutMs?: number } = {},
): MosquittoClients {
  const program = (name: string): string => requireProgram(name, 'mosquitto-clients');
  return {
    publish: (args) => runProgram(program('mosquitto_pub'), [...common, ...args], options),
    subscribe: (args) => startLineBuffered(program('mosquitto_sub'), [...common, ...args], options),
    request: (args) => runProgram(program('mosquitto_rr'), [...common, ...args], options),
  };
}

/** Into a pipe the C library would keep `Subscribed` back until a block is full. `stdbuf` becomes the program: same id. */
function startLineBuffered(program: string, args: readonly string[], options: RunOptions): RunningProgram {
  return startProgram(requireProgram('stdbuf', 'coreutils'), ['-oL', program, ...args], options);
}
