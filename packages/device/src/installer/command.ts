import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { killGroup } from '../agent/kill-group.ts';
import type { AskOptions, Installer, InstallerAnswer, InstallerImage, InstallerVerb } from './installer.ts';

export interface CommandInstallerSettings {
  /** Program and arguments, before the verb; no shell reads them. */
  readonly command: readonly string[];
  readonly installWithinMs: number;
  /** The other steps. */
  readonly stepWithinMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `EX_TEMPFAIL` of sysexits.h: not now. */
const codeOfAgain = 75;
const outputBytesMax = 16 * 1024;
/** How long what a program has left behind may hold its output open. */
const drainMs = 500;

/** A program is the installer: `PROGRAM … VERB`, the image named in its environment and on its standard input. */
export function commandInstaller(settings: CommandInstallerSettings, environment: Environment): Installer {
  return {
    async ask(verb, options) {
      const input = openImage(verb, options.image);
      if (typeof input === 'object') return input;
      try {
        return await run(verb, { ...options, settings, environment, input });
      } finally {
        if (input !== undefined) closeSync(input);
      }
    },
  };
}

interface Run extends AskOptions {
  readonly settings: CommandInstallerSettings;
  readonly environment: Environment;
  /** File descriptor of its standard input. */
  readonly input: number | undefined;
}

/** A file descriptor, or why there is none: it was there when it was verified, and a disk may lose it since. */
function openImage(
  verb: InstallerVerb,
  image: InstallerImage | undefined,
): number | undefined | InstallerAnswer {
  if (verb !== 'install' || image === undefined) return undefined;
  try {
    return openSync(image.path, 'r');
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    return { kind: 'failed', explanation: `the image cannot be read: ${error.message}` };
  }
}

/** In a process group of its own, so that nothing it started outlives a step that hangs. */
async function run(verb: InstallerVerb, options: Run): Promise<InstallerAnswer> {
  const { settings, environment, input, image, stop } = options;
  stop?.throwIfAborted();
  const [program = '', ...args] = settings.command;
  const child = spawn(program, [...args, verb], {
    stdio: [input ?? 'ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...environment, ...variablesOf(image) },
  });
  const withinMs = verb === 'install' ? settings.installWithinMs : settings.stepWithinMs;
  const limit = AbortSignal.timeout(withinMs);
  const ends = stop === undefined ? limit : AbortSignal.any([limit, stop]);
  const kill = () => killGroup(child);
  ends.addEventListener('abort', kill, { once: true });
  const [end, output, errors] = await Promise.all([
    endOf(child),
    firstBytes(child.stdout!),
    lastLine(child.stderr!),
  ]);
  ends.removeEventListener('abort', kill);
  stop?.throwIfAborted();
  const said = errors === '' ? '' : `: ${errors}`;
  if (end === 0) return { kind: 'done', output };
  if (end === codeOfAgain) return { kind: 'again', explanation: `\`${verb}\` cannot be done now${said}` };
  const how = limit.aborted
    ? `did not end within ${withinMs} ms`
    : typeof end === 'number'
      ? `ended with code ${end}`
      : end;
  return { kind: 'failed', explanation: `\`${verb}\` ${how}${said}` };
}

function variablesOf(image: InstallerImage | undefined) {
  return {
    FLEETWARD_VERSION: image?.version,
    FLEETWARD_SHA256: image?.sha256,
    FLEETWARD_LENGTH_BYTES: image && String(image.lengthBytes),
    FLEETWARD_IMAGE: image?.path,
  };
}

/** Its exit code, or in words why it has none. Output that a child of its own still holds open is not waited for. */
function endOf(child: ChildProcess): Promise<number | string> {
  const { promise, resolve } = Promise.withResolvers<number | string>();
  child.once('error', ({ message }) => resolve(`was not started: ${message}`));
  child.once('exit', (code, signal) => {
    resolve(code ?? `was ended by ${signal}`);
    void pause(drainMs, undefined, { ref: false }).then(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    });
  });
  return promise;
}

/** What it prints, up to a bound; the rest is read and thrown away, so that the program is not held up. */
async function firstBytes(stream: NodeJS.ReadableStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  await eachPart(stream, (part) => {
    if (bytes < outputBytesMax) parts.push(part.subarray(0, outputBytesMax - bytes));
    bytes += part.length;
  });
  return Buffer.concat(parts);
}

/** The last line of what it says is wrong: where programs put it. */
async function lastLine(stream: NodeJS.ReadableStream): Promise<string> {
  let tail = Buffer.alloc(0);
  await eachPart(stream, (part) => {
    tail = Buffer.concat([tail, part]).subarray(-1024);
  });
  const line = tail.toString('utf8').trim().split('\n').at(-1) ?? '';
  return line.replace(/[\u0000-\u001f\u007f]/g, ' ').slice(-256);
}

function eachPart(stream: NodeJS.ReadableStream, take: (part: Buffer) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.on('data', take);
  stream.once('close', () => resolve());
  return promise;
}
