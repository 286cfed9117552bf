// A device on the SDK: it enrols, publishes what it measures, also what it measured while nobody could be told, obeys,
// reconnects and renews its certificate, and ends cleanly on SIGTERM, which systemd sends, and on SIGINT (Ctrl-C).
// usage: device.ts NAME FOLDER     (examples/README.md says what is in the environment and in the folder)
import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import {
  connectDevice,
  type DeviceIdentity,
  enroll,
  forwardTelemetry,
  keepRenewed,
  renewalTimeMs,
  TelemetryQueue,
} from '@fleetward/device';

const [name = '', folder = '.'] = process.argv.slice(2);
const environment = process.env;
const host = environment.FLEETWARD_HOST ?? 'localhost';
const url = `https://${host}:${environment.FLEETWARD_HTTPS_PORT ?? '8443'}`;
const mqttUrl = `mqtts://${host}:${environment.FLEETWARD_MQTT_PORT ?? '8883'}`;
const everyMs = Number(environment.FLEETWARD_EVERY_SECONDS ?? 60) * 1_000;
const random = { bytes: (length: number) => randomBytes(length) };
const tokenFile = join(folder, 'join-token');
const identityFolder = join(folder, 'identity');

const outcome = await enroll({
  url,
  trust: readFileSync(join(folder, 'root.pem'), 'utf8'),
  joinToken: existsSync(tokenFile) ? readFileSync(tokenFile, 'utf8').trim() : '',
  name,
  folder: identityFolder,
  clock: Date,
});
if (outcome.kind === 'refused') throw new Error(`not enrolled: ${outcome.reason}`);
rmSync(tokenFile, { force: true });
console.log('enrolled');

const ending = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ending.abort());

const { identity } = outcome;
const device = connectDevice({
  url: mqttUrl,
  identity,
  random,
  onEvent: (event) => {
    if (event.kind === 'disconnected' || event.kind === 'stopped') console.log(event.explanation);
  },
});
// In the turn in which it connects: commands that waited for the device come with the first bytes.
device
  .subscribe(`commands/${name}`, async ({ payload }) => {
    console.log(`command: ${Buffer.from(payload)}`);
    await device.publish(`telemetry/${name}/done`, payload);
  })
  .catch((error: Error) => console.log(`no commands: ${error.message}`));
const renewal = keepRenewed(device, {
  url,
  folder: identityFolder,
  identity,
  clock: Date,
  random,
  dueMs,
  onEvent: (event) => console.log(event.kind === 'renewed' ? 'renewed' : `not renewed: ${event.reason}`),
});
const queue = new TelemetryQueue({ folder: join(folder, 'telemetry') });
const forwarding = forwardTelemetry(queue, device);

while (!ending.signal.aborted) {
  await queue.enqueue(`telemetry/${name}`, measured());
  await setTimeout(everyMs, undefined, { signal: ending.signal }).catch(() => undefined); // cut short by the end
}
// What is under way is waited for, five seconds at most; the rest is on the disk, and sent after the next start.
renewal.close();
await forwarding.close();
await device.close();
await queue.close();
console.log('ended');

function measured(): string {
  return JSON.stringify({ uptime: Math.round(uptime()) });
}

/** At two thirds of the certificate's life, or so many days before its end. */
function dueMs(current: DeviceIdentity): number {
  const days = environment.FLEETWARD_RENEW_DAYS;
  if (days === undefined) return renewalTimeMs(current);
  return new X509Certificate(current.chain).validToDate.getTime() - Number(days) * 86_400_000;
}
