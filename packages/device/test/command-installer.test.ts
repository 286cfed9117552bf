import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fuzz, seeds } from '../fuzz/installer-status.fuzz.ts';
import { commandInstaller } from '../src/installer/command.ts';
import { askStatus } from '../src/installer/status.ts';

let folder: TemporaryFolder;
const times = { installWithinMs: 20_000, stepWithinMs: 20_000 };

beforeEach(() => {
  folder = temporaryFolder();
  writeFileSync(folder.join('image'), 'the verified image');
});
afterEach(() => folder.remove());

const image = () => ({
  version: '1.1.0',
  sha256: 'a'.repeat(64),
  lengthBytes: 18,
  path: folder.join('image'),
});

/** An installer that is a script of `sh`; its first argument is the verb. */
const installerOf = (script: string, settings = times) =>
  commandInstaller(
    { command: ['/bin/sh', '-c', script, 'installer'], ...settings },
    { PATH: process.env.PATH, AT: folder.path, FLEETWARD_VERSION: 'of the agent' },
  );

describe('a program as the installer', () => {
  test('gets the verb, the image on its standard input and its name, version and digest', async () => {
    const script = 'cat > "$AT/got"; env | grep ^FLEETWARD_ | sort >> "$AT/got"; echo "$1" >> "$AT/got"';
    expect(await installerOf(script).ask('install', { image: image() })).toMatchObject({ kind: 'done' });
    const { sha256, path } = image();
    const variables = [
      `FLEETWARD_IMAGE=${path}`,
      'FLEETWARD_LENGTH_BYTES=18',
      `FLEETWARD_SHA256=${sha256}`,
      'FLEETWARD_VERSION=1.1.0',
    ];
    expect(readFileSync(folder.join('got'), 'utf8')).toBe(
      `the verified image${variables.join('\n')}\ninstall\n`,
    );
  });

  test('gets nothing on its standard input in other steps, and no version where there is none', async () => {
    const script = 'cat; echo "{\\"running\\":\\"$1-${FLEETWARD_VERSION-none}\\"}"';
    expect(await askStatus(installerOf(script))).toEqual({ kind: 'known', running: 'status-none' });
  });

  test('may leave the image unread, and children that hold its output open', async () => {
    expect(await installerOf('sleep 2 & exit 0').ask('install', { image: image() })).toMatchObject({
      kind: 'done',
    });
  });

  test('says by its exit code how it ended, and by its last line why', async () => {
    const ask = (script: string) => installerOf(script).ask('switch', { image: image() });
    expect(await ask('echo one >&2; echo two >&2; exit 3')).toEqual({
      kind: 'failed',
      explanation: '`switch` ended with code 3: two',
    });
    expect(await ask('echo busy >&2; exit 75')).toEqual({
      kind: 'again',
      explanation: '`switch` cannot be done now: busy',
    });
    expect(await ask('kill -TERM $$')).toMatchObject({
      kind: 'failed',
      explanation: expect.stringMatching(/SIGTERM/),
    });
    const missing = commandInstaller({ command: ['/nonexistent'], ...times }, {});
    expect(await missing.ask('switch', {})).toMatchObject({
      kind: 'failed',
      explanation: expect.stringMatching(/was not started/),
    });
  });

  test('is not started for an image that the disk has lost, and it is said why', async () => {
    const lost = { ...image(), path: folder.join('lost') };
    expect(await installerOf('touch "$AT/began"').ask('install', { image: lost })).toEqual({
      kind: 'failed',
      explanation: expect.stringMatching(/^the image cannot be read: ENOENT/),
    });
    expect(existsSync(folder.join('began'))).toBe(false);
  });

  test('that hangs is killed at its time with all it started, and said to hang', async () => {
    const script = 'sleep 600 & echo $! > "$AT/pid"; echo writing >&2; wait';
    const installer = installerOf(script, { ...times, installWithinMs: 1_000 });
    expect(await installer.ask('install', { image: image() })).toEqual({
      kind: 'failed',
      explanation: '`install` did not end within 1000 ms: writing',
    });
    const pid = readFileSync(folder.join('pid'), 'utf8').trim();
    const state = () => /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    await expect.poll(() => !existsSync(`/proc/${pid}`) || state() === 'Z', { timeout: 20_000 }).toBe(true);
  });

  test('that prints without end does not fill the memory', async () => {
    const script = 'head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; echo why >&2; exit 1';
    expect(await installerOf(script).ask('confirm', {})).toMatchObject({
      kind: 'failed',
      explanation: expect.stringMatching(/why$/),
    });
  });

  test('is ended when the agent is told to stop', async () => {
    const stop = new AbortController();
    const asked = installerOf('touch "$AT/began"; sleep 600').ask('install', {
      image: image(),
      stop: stop.signal,
    });
    while (!existsSync(folder.join('began'))) await pause(10);
    stop.abort();
    await expect(asked).rejects.toBe(stop.signal.reason);
  });
});

test('no status, whatever its bytes, escapes as an error', () => {
  const damaged = fc.tuple(fc.constantFrom(...seeds), fc.nat(), fc.nat(255)).map(([bytes, at, byte]) => {
    const copy = Buffer.from(bytes);
    copy[at % copy.length] = byte;
    return copy;
  });
  fc.assert(fc.property(damaged, (bytes) => fuzz(bytes)));
  fc.assert(fc.property(fc.json(), (text) => fuzz(Buffer.from(text))));
});
