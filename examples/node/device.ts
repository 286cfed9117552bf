// A device in Node with the SDK: enrolment, MQTT that reconnects, renewal with a new key.
// usage: node device.ts NAME FOLDER     (examples/README.md says what is in the environment and in the folder)
import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { connectDevice, enroll, renew, renewalTimeMs } from '@fleetward/device';

const [name = '', folder = '.'] = process.argv.slice(2);
const environment = process.env;
const host = environment.FLEETWARD_HOST ?? 'localhost';
const url = `https://${host}:${environment.FLEETWARD_HTTPS_PORT ?? '8443'}`;
const mqttUrl = `mqtts://${host}:${environment.FLEETWARD_MQTT_PORT ?? '8883'}`;
const everyMs = Number(environment.FLEETWARD_EVERY_SECONDS ?? 60) * 1_000;
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

let { identity } = outcome;
const device = connectDevice({
  url: mqttUrl,
  identity,
  random: { bytes: (length) => randomBytes(length) },
  onEvent: (event) => {
    if (event.kind === 'disconnected' || event.kind === 'stopped') console.log(event.explanation);
  },
});
await device.subscribe(`commands/${name}`, async ({ payload }) => {
  console.log(`command: ${Buffer.from(payload)}`);
  await device.publish(`telemetry/${name}/done`, payload);
});

while (true) {
  if (isRenewalDue()) await renewIdentity();
  // What is measured while nobody can be told is not kept.
  if (device.isConnected) await device.publish(`telemetry/${name}`, measured());
  await setTimeout(everyMs);
}

function measured(): string {
  return JSON.stringify({ uptime: Math.round(uptime()) });
}

/** At two thirds of the certificate's life, or so many days before its end. */
function isRenewalDue(): boolean {
  const days = environment.FLEETWARD_RENEW_DAYS;
  if (days === undefined) return Date.now() >= renewalTimeMs(identity);
  const endsAtMs = new X509Certificate(identity.chain).validToDate.getTime();
  return Date.now() + Number(days) * 86_400_000 > endsAtMs;
}

/** From the next connection on; where it fails, the next round tries again. */
async function renewIdentity(): Promise<void> {
  try {
    const next = await renew({ url, folder: identityFolder, clock: Date });
    if (next.kind === 'refused') throw new Error(next.reason);
    identity = next.identity;
    device.replaceIdentity(identity);
    console.log('renewed');
  } catch (error) {
    console.log(`not renewed: ${error instanceof Error ? error.message : error}`);
  }
}
