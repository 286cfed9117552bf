#!/usr/bin/env node
// The update agent: `--config FILE`, and `--once` for one pass that prints its outcome as a line of JSON.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { isAppError } from '@fleetward/core';
import { DeviceError } from '../errors.ts';
import { parseAgentConfig, requiredSettings } from './config.ts';
import { openAgent } from './wiring.ts';

const usage = `usage: fleetward-agent --config FILE [--once]

  --config FILE    its settings, JSON: docs/how-to/update-a-device.md
  --once           one pass, and its outcome as a line of JSON; without it a pass every hour
  --help           this
`;

function log(line: string): void {
  process.stderr.write(`agent: ${line}\n`);
}

async function main(configFile: string, isOnce: boolean): Promise<void> {
  const config = parseAgentConfig(readSettings(configFile));
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
  const { agent, close } = await openAgent(config, { clock: Date, log, environment: process.env });
  const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
  try {
    if (isOnce) process.stdout.write(`${JSON.stringify(await agent.checkOnce(stop.signal))}\n`);
    else await agent.run({ everyMs: config.checkEveryMs, random, stop: stop.signal });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    log('stopped; the next pass goes on from here');
  } finally {
    close();
  }
}

function readSettings(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    const settings = requiredSettings.map((name) => `\`${name}\``).join(', ');
    throw new DeviceError(
      'device.config_invalid',
      `\`${file}\` cannot be read (${why}); it is one JSON object with at least ${settings}: see docs/how-to/update-a-device.md`,
      { cause },
    );
  }
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        config: { type: 'string' },
        once: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    if (error instanceof TypeError) return { problem: error.message };
    throw error;
  }
}

const given = readArguments();
if ('help' in given && given.help) {
  process.stdout.write(usage);
} else if ('problem' in given || given.config === undefined) {
  process.stderr.write(
    `fleetward-agent: ${'problem' in given ? given.problem : '`--config` is missing'}\n${usage}`,
  );
  process.exitCode = 2;
} else {
  await main(given.config, given.once ?? false).catch((error: unknown) => {
    const said = sayFailure(error);
    if (said === undefined) throw error;
    log(said);
    process.exitCode = 1;
  });
}

/** Undefined: a fault of the agent itself, which its stack explains. */
function sayFailure(error: unknown): string | undefined {
  if (isAppError(error)) return `${error.code}: ${error.message}`;
  const { code, path } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  if (code === undefined || path === undefined) return undefined;
  return `${code}: \`${path}\` cannot be read or written`;
}
