import { type Json, parseStrictJson } from '@fleetward/core';
import type { CheckLimits } from './check-once.ts';
import type { DeviceModel } from './choose-target.ts';
import { type InstallerSettings, parseInstaller } from './installer-settings.ts';
import type { ProbeSettings } from './probe.ts';
import { invalid, isCommand, numbersAt, objectAt, stringAt, wholeAt } from './read-settings.ts';
import type { TrialSettings } from './trial.ts';

/** The agent's settings, one JSON file. */
export interface AgentConfig {
  /** `https://HOST:PORT` of the platform's device listener. */
  readonly url: string;
  /** Folder of `key.pem`, `chain.pem` and `root.pem`, as `enroll` makes it. */
  readonly identityFolder: string;
  /** Folder of the trusted update metadata. */
  readonly trustedFolder: string;
  /** The first TUF root, for a device that trusts none yet. */
  readonly rootFile: string;
  /** The slot folder, the same as the starter's. */
  readonly slotsFolder: string;
  /** The agent's own slots: that of the starter which runs the agent, for one that updates itself. */
  readonly agentSlotsFolder?: string;
  readonly model: DeviceModel;
  /** The device's thing, where that is not the name in its certificate: what a director's instructions must be for. */
  readonly thingName?: string;
  readonly probe: ProbeSettings;
  /** What makes images run where that is not the starter. */
  readonly installer?: InstallerSettings;
  readonly trial: TrialSettings;
  readonly limits: CheckLimits;
  readonly checkEveryMs: number;
}

const defaultTrialSettings: TrialSettings = {
  startWithinMs: 60_000,
  pollMs: 250,
  probeTries: 10,
  probePauseMs: 3000,
};

const defaultCheckLimits: CheckLimits = {
  reserveBytes: 4 * 1024 * 1024,
  refreshWithinMs: 120_000,
  downloadWithinMs: 3_600_000,
  checkpointBytes: 4 * 1024 * 1024,
  bytesPerSecondMin: 512,
};

const defaultCheckEveryMs = 3_600_000;
const defaultProbeTimeoutMs = 5000;
const defaultProcessForMs = 10_000;
const probesMax = 8;
const configBytesMax = 64 * 1024;

/** What has no default. */
export const requiredSettings = [
  'url',
  'identityFolder',
  'trustedFolder',
  'rootFile',
  'slotsFolder',
  'product',
  'hardware',
  'probe',
] as const;

/** Reads the settings. Unknown ones, and those of a wrong form, are refused with their path. */
export function parseAgentConfig(bytes: Uint8Array): AgentConfig {
  const json = parseStrictJson(bytes, { bytesMax: configBytesMax, depthMax: 4 });
  const names = [
    ...requiredSettings,
    'agentSlotsFolder',
    'thingName',
    'installer',
    'trial',
    'limits',
    'checkEveryMs',
  ];
  const settings = objectAt('', { value: json, names });
  const string = (name: string, pattern = /^.{1,4096}$/) => stringAt(settings, { path: '', name, pattern });
  const modelName = /^[a-zA-Z0-9._+:-]{1,128}$/;
  return {
    url: string('url', /^https:\/\/[^/]+\/?$/),
    identityFolder: string('identityFolder'),
    trustedFolder: string('trustedFolder'),
    rootFile: string('rootFile'),
    slotsFolder: string('slotsFolder'),
    ...(settings.agentSlotsFolder !== undefined && { agentSlotsFolder: string('agentSlotsFolder') }),
    model: { product: string('product', modelName), hardware: string('hardware', modelName) },
    ...(settings.thingName !== undefined && { thingName: string('thingName', /^[a-zA-Z0-9:_-]{1,128}$/) }),
    probe: parseProbe(settings.probe),
    ...(settings.installer !== undefined && { installer: parseInstaller(settings.installer) }),
    trial: numbersAt('trial', { value: settings.trial, defaults: defaultTrialSettings }),
    limits: numbersAt('limits', { value: settings.limits, defaults: defaultCheckLimits }),
    checkEveryMs: wholeAt('checkEveryMs', settings.checkEveryMs ?? defaultCheckEveryMs),
  };
}

function parseProbe(value: Json | undefined): ProbeSettings {
  if (!Array.isArray(value)) return parseOneProbe('probe', value);
  if (value.length < 1 || value.length > probesMax) throw invalid('probe', `1 to ${probesMax} probes`);
  return { kind: 'all', probes: value.map((one, at) => parseOneProbe(`probe.${at}`, one)) };
}

/** What each kind may have beside `kind`. */
const probeMembers = {
  http: ['url', 'timeoutMs'],
  command: ['command', 'timeoutMs'],
  process: ['forMs'],
  platform: ['timeoutMs'],
} as const;

function parseOneProbe(path: string, value: Json | undefined): ProbeSettings {
  const all = ['kind', ...new Set(Object.values(probeMembers).flat())];
  const settings = objectAt(path, { value, names: all });
  const kind = Object.keys(probeMembers).find((name) => name === settings.kind);
  if (!isProbeKind(kind)) throw invalid(`${path}.kind`, `\`${Object.keys(probeMembers).join('`, `')}\``);
  const members: readonly string[] = ['kind', ...probeMembers[kind]];
  const stray = Object.keys(settings).find((name) => !members.includes(name));
  if (stray !== undefined) throw invalid(`${path}.${stray}`, `not with the kind \`${kind}\``);
  const timeoutMs = wholeAt(`${path}.timeoutMs`, settings.timeoutMs ?? defaultProbeTimeoutMs);
  const { command } = settings;
  switch (kind) {
    case 'http':
      return {
        kind,
        url: stringAt(settings, { path: `${path}.`, name: 'url', pattern: /^https?:\/\/.{1,2048}$/ }),
        timeoutMs,
      };
    case 'command':
      if (!isCommand(command)) throw invalid(`${path}.command`, 'a list: the program and its arguments');
      return { kind, command, timeoutMs };
    case 'process':
      return { kind, forMs: wholeAt(`${path}.forMs`, settings.forMs ?? defaultProcessForMs) };
    case 'platform':
      return { kind, timeoutMs };
  }
}

function isProbeKind(kind: string | undefined): kind is keyof typeof probeMembers {
  return kind !== undefined;
}
