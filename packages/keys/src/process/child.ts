import { type ChildProcess, spawn } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { createInterface } from 'node:readline';
import { Duplex } from 'node:stream';
import { KeysError } from '../errors.ts';
import type { HsmSettings } from '../hsm/token.ts';
import type { MasterKeySource } from '../master-key.ts';
import { type Environment, variablesOf } from '../secret-source.ts';
import { channelDescriptor } from './run.ts';

/** A started child and the socket to it. */
export interface SigningChild {
  readonly process: ChildProcess;
  readonly channel: Duplex;
}

const logLineCharactersMax = 1000;

/** Starts the entry file on this Node with nothing inherited: a bare environment, no standard input or output. */
export function spawnSigningChild(options: {
  readonly entry: string;
  readonly masterKeys: readonly MasterKeySource[];
  readonly hsm?: HsmSettings;
  readonly environment: Environment;
  readonly log: (line: string) => void;
}): SigningChild {
  const child = spawn(process.execPath, [...resolutionFlags(), options.entry], {
    env: { ...compiledCode(options.entry), ...takeEnvironment(options) },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  const channel = child.stdio[channelDescriptor];
  if (!(channel instanceof Duplex))
    throw new KeysError('keys.signer_gone', 'the signing process cannot be started');
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on('line', (line) =>
      options.log(line.slice(0, logLineCharactersMax)),
    );
  }
  return { process: child, channel };
}

/** The conditions that pick source or build in `exports`; no other flag of ours, such as an inspector, goes along. */
function resolutionFlags(): readonly string[] {
  return process.execArgv.filter((flag) => flag.startsWith('--conditions=') || flag.startsWith('-C='));
}

/**
 * Whoever runs the server may write where it keeps compiled code, so a published signing process takes none of it. One that runs
 * from source is made of such files anyway, and starts in a third of the time.
 */
function compiledCode(entry: string): NodeJS.ProcessEnv {
  const folder = entry.endsWith('.ts') ? getCompileCacheDir() : undefined;
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder };
}

/** Hands over the variables that the sources name. One that holds a master key or a PIN is gone from ours afterwards. */
function takeEnvironment({
  masterKeys,
  hsm,
  environment,
}: Parameters<typeof spawnSigningChild>[0]): NodeJS.ProcessEnv {
  const taken: NodeJS.ProcessEnv = {};
  for (const variable of hsm?.environment ?? [])
    if (environment[variable] !== undefined) taken[variable] = environment[variable];
  const sources = hsm === undefined ? masterKeys : [...masterKeys, hsm.pin];
  for (const source of sources) {
    for (const variable of variablesOf(source)) {
      if (environment[variable] !== undefined) taken[variable] = environment[variable];
      if (source.kind === 'environment') delete environment[variable];
    }
  }
  return taken;
}
