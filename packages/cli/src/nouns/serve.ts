import type { Platform } from '@fleetward/server';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { onFolder } from '../own-folder.ts';
import type { Shell } from '../shell.ts';
import { addSettingsFlags, type SettingsFlags, settingsSources } from './platform-settings.ts';

/** `fleetward serve`: runs the platform until it is told to stop. */
export function addServe(program: Command, shell: Shell): void {
  const serve = addVerb(program, 'serve', {
    summary: 'run the platform',
    description:
      'Runs the platform in the foreground and prints its ports when it is ready. SIGTERM or SIGINT stops it in order: what was ' +
      'acknowledged stays. A second signal ends it at once. Logs are JSON lines on standard error.',
    examples: [
      'fleetward serve --folder fleetward-data',
      'fleetward serve --config /etc/fleetward.yaml --set listeners.operators.port=9443',
    ],
  });
  addSettingsFlags(serve).action(async (flags: SettingsFlags) => {
    const { loadConfig, startPlatform, systemClock, systemRandom } = await import('@fleetward/server');
    const { environment } = shell.terminal;
    const config = loadConfig(settingsSources(flags, environment));
    const signal = nextSignal();
    const ports = { clock: systemClock, random: systemRandom, environment };
    const platform = await onFolder(config.folder, () => startPlatform(config, ports));
    showPorts(platform, shell);
    await untilStopped(platform, { signal, shell });
  });
}

function showPorts({ ports }: Platform, { output }: Shell): void {
  output.record(
    { event: 'ready', ports },
    {
      mqtt: `${ports.mqtt}  MQTT over mutual TLS, for devices`,
      devices: `${ports.devices}  HTTPS for devices: enrolment, updates, reports`,
      public: `${ports.public}  plain HTTP: CRLs and OCSP, signed`,
      operators: `${ports.operators}  HTTPS API for operators`,
    },
  );
  output.note('ready; stop with Ctrl-C');
}

/** Resolves with the first signal, also one that comes while the platform still starts. */
function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.once(name, () => {
        resolve(name);
        process.once(name, () => process.exit(1));
      });
    }
  });
}

async function untilStopped(
  platform: Platform,
  { signal, shell }: { readonly signal: Promise<NodeJS.Signals>; readonly shell: Shell },
): Promise<void> {
  const ended = await Promise.race([signal, platform.stopped]);
  if (typeof ended === 'string') {
    shell.output.note(`${ended}: stopping`);
    await platform.stop();
  }
  const failure = await platform.stopped;
  if (failure !== undefined) throw failure;
}
