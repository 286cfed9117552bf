import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '@fleetward/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as configFuzz from '../fuzz/agent-config.fuzz.ts';
import * as slotsFuzz from '../fuzz/slots.fuzz.ts';
import { parseAgentConfig, requiredSettings } from '../src/agent/config.ts';
import { agentVersion } from '../src/agent/version.ts';
import { asksForHelp, parseStarterArguments } from '../src/starter/arguments.ts';

const good = JSON.parse(Buffer.from(configFuzz.seeds[0]!).toString());
const parse = (settings: unknown) => parseAgentConfig(Buffer.from(JSON.stringify(settings)));

describe("the agent's settings", () => {
  test('have defaults where nothing is given', () => {
    expect(parse(good)).toMatchObject({
      model: { product: 'lamp', hardware: 'lamp-r1' },
      trial: { probeTries: 3, probePauseMs: 3000 },
      limits: { reserveBytes: 4_194_304 },
      checkEveryMs: 3_600_000,
    });
  });

  test('take several probes, each of its kind', () => {
    const probe = [{ kind: 'process', forMs: 5 }, { kind: 'platform' }];
    expect(parse({ ...good, probe }).probe).toEqual({
      kind: 'all',
      probes: [
        { kind: 'process', forMs: 5 },
        { kind: 'platform', timeoutMs: 5000 },
      ],
    });
  });

  test.each(requiredSettings)('are refused without %s', (path) => {
    const { [path]: _, ...rest } = good;
    expect(() => parse(rest)).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ path }) }),
    );
  });

  test('take an installer, with its times', () => {
    const installer = { command: ['/usr/lib/fleetward/installers/rauc'], stepWithinMs: 5 };
    expect(parse({ ...good, installer }).installer).toEqual({
      ...installer,
      installWithinMs: 900_000,
      attemptsMax: 3,
    });
  });

  test.each([
    ['an unknown one', { ...good, verify: false }, 'verify'],
    ['an unknown one of a group', { ...good, trial: { tries: 1 } }, 'trial.tries'],
    ['plain HTTP', { ...good, url: 'http://fleet.example' }, 'url'],
    ['a probe of no kind', { ...good, probe: {} }, 'probe.kind'],
    ['a command that is no list', { ...good, probe: { kind: 'command', command: 'true' } }, 'probe.command'],
    [
      'a probe with what another kind has',
      { ...good, probe: { kind: 'platform', url: 'http://x' } },
      'probe.url',
    ],
    ['one of several', { ...good, probe: [{ kind: 'process' }, { kind: 'http' }] }, 'probe.1.url'],
    ['no probe at all', { ...good, probe: [] }, 'probe'],
    ['a number of nothing', { ...good, limits: { reserveBytes: 0 } }, 'limits.reserveBytes'],
    ['slots of the agent that are no path', { ...good, agentSlotsFolder: 7 }, 'agentSlotsFolder'],
    ['an installer that is no list', { ...good, installer: { command: 'rauc' } }, 'installer.command'],
    [
      'a socket of an installer without its whole path',
      { ...good, installer: { command: ['x'], socket: 'run/x.sock' } },
      'installer.socket',
    ],
    ['an unknown one of an installer', { ...good, installer: { shell: true } }, 'installer.shell'],
    ['no product', { ...good, product: undefined }, 'product'],
  ])('refuse %s and name it', (_, settings, path) => {
    expect(() => parse(settings)).toThrow(
      expect.objectContaining({ code: 'device.config_invalid', details: expect.objectContaining({ path }) }),
    );
  });
});

test.each(['agent', 'starter'])('the %s prints its usage when asked, and starts nothing', async (program) => {
  const main = join(import.meta.dirname, `../src/${program}/main.ts`);
  const run = await runProgram(process.execPath, ['--conditions=fleetward-source', main, '--help'], {
    folder: import.meta.dirname,
    environment: { PATH: process.env.PATH },
  });
  expect(run).toMatchObject({ code: 0, stderr: '' });
  expect(run.stdout.toString()).toMatch(new RegExp(`^usage: fleetward-${program} `));
});

test('the version the agent was built with is that of its package', () => {
  const file = join(import.meta.dirname, '../package.json');
  expect(agentVersion).toBe(JSON.parse(readFileSync(file, 'utf8')).version);
});

describe("the starter's command line", () => {
  test('takes the program after `--` as it is, options of its own included', () => {
    expect(
      parseStarterArguments(['--slots', '/s', '--attempts-max', '5', '--', 'node', '--slots', '{image}']),
    ).toMatchObject({
      folder: '/s',
      settings: { attemptsMax: 5, command: ['node', '--slots', '{image}'], stopWithinMs: 10_000 },
    });
  });

  test('leaves `--help` to the program when it stands after `--`', () => {
    expect(asksForHelp(['--slots', '/s', '--', 'node', '--help'])).toBe(false);
    expect(asksForHelp(['-h'])).toBe(true);
  });

  test('takes the factory image as an absolute path', () => {
    expect(parseStarterArguments(['--slots', '/s', '--factory', 'agent', '--', 'x'])).toMatchObject({
      settings: { factoryImage: join(process.cwd(), 'agent') },
    });
  });

  test.each([
    [['--', 'node'], /--slots/],
    [['--slots', '/s'], /program/],
    [['--slots', '/s', '--poll-ms', '1.5', '--', 'x'], /--poll-ms/],
    [['--slots', '/s', '--force', '--', 'x'], /--force/],
  ])('refuses %j', (args, what) => {
    expect(parseStarterArguments(args)).toMatch(what);
  });
});

test.each([
  ['the settings', configFuzz],
  ['the state files', slotsFuzz],
])('no damage to %s escapes as another error', (_, { fuzz, seeds }) => {
  const seed = fc.constantFrom(...seeds);
  const damaged = fc.tuple(seed, fc.nat(), fc.nat(255), fc.boolean()).map(([bytes, at, byte, isCut]) => {
    const copy = Buffer.from(bytes);
    copy[at % copy.length] = byte;
    return isCut ? copy.subarray(0, at % copy.length) : copy;
  });
  fc.assert(fc.property(damaged, (bytes) => fuzz(bytes)));
  fc.assert(fc.property(fc.json(), (text) => fuzz(Buffer.from(text))));
});
