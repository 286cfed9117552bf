import { encodePem } from '@fleetward/pki';
import { completeSetup, createApiClient, createJoinToken, createPolicy } from '@fleetward/protocol';
import { initialise, loadConfig, systemClock, systemRandom } from '@fleetward/server';
import type { TemporaryFolder } from '@fleetward/testkit';
import { forkChild } from '../child.ts';
import type { BenchBroker, Identity } from './broker.ts';
import { enrolFleet } from './enrol-fleet.ts';
import { policyDocument } from './policy-document.ts';

/** The platform as people run it, in a process of its own, with a fleet that was enrolled over EST. */
export interface FleetwardBench {
  readonly broker: BenchBroker;
  readonly identities: readonly Identity[];
  /** PEM of the root and the issuing CA, for the brokers beside it. */
  readonly authorities: string;
  readonly operators: { readonly baseUrl: string; readonly ca: string; readonly token: string };
  /** Where CRLs and OCSP answers are, over HTTP. */
  readonly publicPort: number;
  /** Where updates are, over HTTPS. */
  readonly devicesPort: number;
}

export interface FleetwardOptions {
  readonly folder: TemporaryFolder;
  readonly devices: number;
  readonly profileFolder: string | undefined;
}

const loopback = { host: '127.0.0.1', port: 0 };

// Everything else stands at its default. A device of the bench sends what a thousand would.
const settings = {
  logLevel: 'error',
  listeners: { mqtt: loopback, devices: loopback, public: loopback, operators: loopback },
  tlsLimits: { connectionsPerCertificateMax: 20, connectsPerSecondMax: 1_000_000 },
  mqttLimits: {
    messagesPerSecondMax: 100_000_000,
    bytesPerSecondMax: 10_000_000_000,
    deliveriesPerSecondMax: 1_000_000_000,
    // Mosquitto's are unbounded too.
    outgoingBytesMax: 100_000_000,
    queuedMessagesMax: 100_000_000,
    queuedBytesMax: 100_000_000_000,
    storedMessagesMax: 100_000_000,
    storedBytesMax: 100_000_000_000,
    storedMessagesPerOwnerMax: 100_000_000,
    storedBytesPerOwnerMax: 100_000_000_000,
  },
};

/** Initialises and starts a platform, stores the policy and enrols the devices. */
export async function startFleetward(options: FleetwardOptions): Promise<FleetwardBench> {
  const { folder, devices, profileFolder } = options;
  const overrides = { ...settings, folder: folder.join('fleetward') };
  const parts = { clock: systemClock, random: systemRandom, environment: process.env };
  const { root, issuing, setupToken } = await initialise(loadConfig({ overrides }), parts);
  const ca = encodePem('CERTIFICATE', root.der);
  const child = forkChild(new URL('./fleetward-child.ts', import.meta.url), profiling(profileFolder));
  try {
    const ports = (await child.ask(overrides, { timeoutMs: 30_000 })) as Ports;
    const { joinToken, token } = await prepare({ ca, port: ports.operators, setupToken, devices });
    const identities = await enrolFleet({ ca, port: ports.devices, joinToken, devices });
    return {
      broker: { name: 'fleetward', pid: child.pid, port: ports.mqtt, ca, stop: child.stop },
      identities,
      authorities: ca + encodePem('CERTIFICATE', issuing.der),
      operators: { baseUrl: `https://localhost:${ports.operators}`, ca, token },
      publicPort: ports.public,
      devicesPort: ports.devices,
    };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

interface Ports {
  readonly mqtt: number;
  readonly devices: number;
  readonly operators: number;
  readonly public: number;
}

function profiling(folder: string | undefined): { readonly nodeOptions?: readonly string[] } {
  return folder === undefined ? {} : { nodeOptions: ['--cpu-prof', `--cpu-prof-dir=${folder}`] };
}

/** Makes the first operator, stores the policy, and a join token that attaches it to each device. */
async function prepare(platform: {
  readonly ca: string;
  readonly port: number;
  readonly setupToken: string;
  readonly devices: number;
}): Promise<{ readonly joinToken: string; readonly token: string }> {
  const address = { baseUrl: `https://localhost:${platform.port}`, ca: platform.ca };
  const { setupToken, devices } = platform;
  const stranger = createApiClient(address);
  const { token } = await stranger.call(completeSetup, { body: { setupToken, operatorName: 'bench' } });
  stranger.close();
  const operator = createApiClient({ ...address, token: token.secret });
  const policyName = 'bench';
  await operator.call(createPolicy, { body: { policyName, document: JSON.stringify(policyDocument) } });
  const terms = { namePattern: 'bench-*', policies: [policyName], usesMax: devices };
  const { secret } = await operator.call(createJoinToken, { body: terms });
  operator.close();
  return { joinToken: secret, token: token.secret };
}
