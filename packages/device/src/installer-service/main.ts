#!/usr/bin/env node
// The installer service: one step of an installer for an unprivileged agent, whose connection is standard input (systemd:
// `Accept=yes`, `StandardInput=socket`). `--config FILE` is the agent's, `--state FOLDER` its own.
import { readFileSync, realpathSync } from 'node:fs';
import { Socket } from 'node:net';
import { isAbsolute } from 'node:path';
import { parseArgs } from 'node:util';
import { createUpdateClient } from '@fleetward/updates';
import { type AgentConfig, parseAgentConfig } from '../agent/config.ts';
import { DeviceError } from '../errors.ts';
import { nodeFiles } from '../files/node-files.ts';
import { commandInstaller } from '../installer/command.ts';
import type { InstallerAnswer } from '../installer/installer.ts';
import { openTrustedStore } from '../sdk/update-client.ts';
import { type AgentPeer, agentPeer } from './agent-peer.ts';
import { assertProtected } from './protected-file.ts';
import { runStep } from './run-step.ts';

const usage = 'usage: fleetward-installer --config FILE --state FOLDER    (its standard input is a socket)\n';

function log(line: string): void {
  process.stderr.write(`installer: ${line}\n`);
}

async function main(configFile: string, stateFolder: string): Promise<void> {
  const socket = new Socket({ fd: 0 });
  const stop = new AbortController();
  process.on('SIGTERM', () => stop.abort());
  socket.on('error', ({ message }) => log(message));
  socket.on('close', () => stop.abort()); // the agent has gone: what it asked for ends too
  const peer = agentPeer(socket);
  await peer.answer(await answerOf(peer, { configFile, stateFolder, stop: stop.signal }));
  socket.end();
}

interface Given {
  readonly configFile: string;
  readonly stateFolder: string;
  readonly stop: AbortSignal;
}

/** Whatever goes wrong is told to who asked. */
async function answerOf(peer: AgentPeer, given: Given): Promise<InstallerAnswer> {
  try {
    const config = readConfig(given.configFile);
    return await runStep(await peer.step(), await partsOf(config, { ...given, peer }));
  } catch (error) {
    const explanation = error instanceof Error ? error.message : String(error);
    log(explanation);
    return { kind: 'failed', explanation };
  }
}

function readConfig(file: string): AgentConfig {
  assertProtected(file, 'its settings');
  const config = parseAgentConfig(readFileSync(file));
  if (config.installer === undefined)
    throw new DeviceError('device.config_invalid', `\`${file}\` has no \`installer\``);
  const [program = ''] = config.installer.command;
  if (!isAbsolute(program))
    throw new DeviceError('device.config_invalid', '`installer.command`: the program needs its whole path');
  assertProtected(program, 'the installer');
  assertProtected(config.rootFile, 'the first root (`rootFile`)');
  return config;
}

async function partsOf(
  config: AgentConfig,
  { stateFolder, stop, peer }: Given & { readonly peer: AgentPeer },
) {
  nodeFiles.makeFolder(stateFolder);
  const folder = realpathSync(stateFolder);
  const { model, thingName, limits, rootFile } = config;
  const store = await openTrustedStore(`${folder}/trusted`, rootFile);
  const trust = { store, fetcher: peer.fetcher, clock: Date, thingName, product: model.product };
  return {
    client: createUpdateClient(trust),
    installer: commandInstaller(config.installer!, process.env),
    files: nodeFiles,
    folder,
    model,
    reserveBytes: limits.reserveBytes,
    stop,
  };
}

const { config, state } = parseArgs({
  options: { config: { type: 'string' }, state: { type: 'string' } },
}).values;
if (config === undefined || state === undefined) {
  process.stderr.write(usage);
  process.exitCode = 2;
} else {
  await main(config, state);
}
