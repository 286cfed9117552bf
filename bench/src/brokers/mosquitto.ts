import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { findProgram, type TemporaryFolder } from '@fleetward/testkit';
import { spawnChild } from '../child.ts';
import { freePort, listening } from '../ports.ts';
import type { BenchBroker, BrokerCredentials } from './broker.ts';

export const mosquittoMissing =
  'mosquitto is not installed, so there is no ratio to it: apt-get install mosquitto';

/** Nothing it could be slowed by. */
const inMemory = ['persistence false'];

/** Debian's Mosquitto with mutual TLS; undefined when it is not installed. */
export function startMosquitto(
  folder: TemporaryFolder,
  credentials: BrokerCredentials,
): Promise<BenchBroker | undefined> {
  return start(folder, { credentials, name: 'mosquitto', storage: inMemory });
}

/** The same with sessions on the disk: written once a second, after the acknowledgements. */
export function startPersistentMosquitto(
  folder: TemporaryFolder,
  credentials: BrokerCredentials,
): Promise<BenchBroker | undefined> {
  const name = 'mosquitto-persistent';
  mkdirSync(folder.join(name));
  const storage = ['persistence true', `persistence_location ${folder.join(name)}/`, 'autosave_interval 1'];
  return start(folder, { credentials, name, storage });
}

interface Variant {
  readonly credentials: BrokerCredentials;
  /** Of its files. */
  readonly name: string;
  readonly storage: readonly string[];
}

async function start(folder: TemporaryFolder, variant: Variant): Promise<BenchBroker | undefined> {
  const { credentials } = variant;
  const program = findProgram('mosquitto');
  if (program === undefined) return undefined;
  const port = await freePort();
  const file = folder.join(`${variant.name}.conf`);
  writeFileSync(file, configuration(folder, { port, ...variant }));
  const child = spawnChild(program, ['-c', file]);
  try {
    await listening('mosquitto', port);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return { name: 'mosquitto', pid: child.pid, port, ca: credentials.serverCertificate, stop: child.stop };
}

/** No log, no limit on queues, no delay of small segments. */
function configuration(
  folder: TemporaryFolder,
  { port, credentials, name: prefix, storage }: Variant & { readonly port: number },
): string {
  const files = { cafile: 'clientAuthorities', certfile: 'serverCertificate', keyfile: 'serverKey' } as const;
  const tls = Object.entries(files).map(([setting, name]) => {
    const path = folder.join(`${prefix}-${setting}.pem`);
    writeFileSync(path, credentials[name], { mode: 0o600 });
    return `${setting} ${path}`;
  });
  const lines = [
    `user ${userInfo().username}`,
    ...storage,
    'log_type none',
    'log_dest none',
    'max_queued_messages 0',
    'set_tcp_nodelay true',
    `listener ${port} 127.0.0.1`,
    ...tls,
    'tls_version tlsv1.3',
    'require_certificate true',
    'use_identity_as_username false',
    'allow_anonymous true',
  ];
  return `${lines.join('\n')}\n`;
}
