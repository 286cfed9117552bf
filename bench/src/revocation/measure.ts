import type { TLSSocket } from 'node:tls';
import { parseCertificatesPem } from '@fleetward/pki';
import { type ApiClient, createApiClient, type Part, revokeCertificate } from '@fleetward/protocol';
import { temporaryFolder } from '@fleetward/testkit';
import type { Identity } from '../brokers/broker.ts';
import { type FleetwardBench, startFleetward } from '../brokers/fleetward.ts';
import { closeAll, connectDevices } from '../load/sockets.ts';
import { type Distribution, distributionOf } from './distribution.ts';
import { type Outside, openOutside } from './outside.ts';

export interface RevocationOptions {
  /** Devices that are connected, each with its own certificate. */
  readonly sessions: number;
  /** How many of them are revoked one after the other, and as many again at once. */
  readonly revocations: number;
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Milliseconds from the call, by step. `platform`: what the answer says of itself; `outside`: seen by others. */
export interface Revocations {
  readonly platform: Readonly<Record<string, Distribution>>;
  readonly outside: Readonly<Record<string, Distribution>>;
  readonly crls: number;
}

export interface RevocationFigures {
  readonly sessions: number;
  readonly revocations: number;
  readonly oneByOne: Revocations;
  readonly together: Revocations;
}

interface Fleet {
  readonly api: ApiClient;
  readonly outside: Outside;
  readonly identities: readonly Identity[];
  readonly sockets: readonly TLSSocket[];
}

/** Connects a fleet to a platform of its own and revokes a part of it. Throws when anybody else is cut. */
export async function measureRevocations(options: RevocationOptions): Promise<RevocationFigures> {
  const { sessions, revocations, progress, signal } = options;
  using folder = temporaryFolder('fleetward-revocation-');
  progress(`revocation: starting Fleetward and enrolling ${sessions} devices`);
  const started = await startFleetward({ folder, devices: sessions, profileFolder: undefined });
  const api = createApiClient(started.operators);
  try {
    signal.throwIfAborted();
    const fleet = await connectFleet(started, { api, folder: folder.path, revoked: 2 * revocations });
    progress(`revocation: ${revocations} one after the other`);
    const single: Seen[] = [];
    for (let device = 0; device < revocations; device++) single.push(await revokeOne(device, fleet));
    signal.throwIfAborted();
    progress(`revocation: ${revocations} at once`);
    const others = Array.from({ length: revocations }, (_, index) => revocations + index);
    const many = await Promise.all(others.map((device) => revokeOne(device, fleet)));
    assertAlive(fleet.sockets.slice(2 * revocations));
    await closeAll(fleet.sockets.filter((socket) => !socket.destroyed));
    return { sessions, revocations, oneByOne: summarise(single), together: summarise(many) };
  } finally {
    api.close();
    await started.broker.stop();
  }
}

async function connectFleet(
  { broker, identities, authorities, publicPort }: FleetwardBench,
  { api, folder, revoked }: { readonly api: ApiClient; readonly folder: string; readonly revoked: number },
): Promise<Fleet> {
  const { port, ca } = broker;
  const sockets = await connectDevices(identities.keys(), { identities, endpoint: { port, ca } });
  for (const socket of sockets) socket.on('error', () => undefined).resume();
  const issuer = parseCertificatesPem(authorities)[1]!;
  const leaves = identities.slice(0, revoked).map(({ chain }) => parseCertificatesPem(chain)[0]!);
  const outside = await openOutside({ folder, publicPort, issuer, leaves });
  return { api, outside, identities, sockets };
}

interface Seen {
  readonly answer: Part<(typeof revokeCertificate)['answer']>;
  readonly outside: Readonly<Record<string, number>>;
}

/** Revokes a device and looks at each effect as soon as there is a sign of it. */
async function revokeOne(device: number, { api, outside, identities, sockets }: Fleet): Promise<Seen> {
  const certificateId = parseCertificatesPem(identities[device]!.chain)[0]!.id;
  const body = { reason: 'keyCompromise', wait: true } as const;
  const beganMs = performance.now();
  const since = () => performance.now() - beganMs;
  const cut = closed(sockets[device]!).then(async () => {
    const connectionClosed = since();
    await outside.assertOcspRevoked(device);
    return { connectionClosed, ocspRevoked: since() };
  });
  const answer = await api.call(revokeCertificate, { params: { certificateId }, body });
  const answered = since();
  await outside.assertOnCrl(device);
  const crlServed = since();
  return { answer, outside: { ...(await cut), answered, crlServed } };
}

function closed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

function assertAlive(sockets: readonly TLSSocket[]): void {
  const lost = sockets.filter(({ destroyed }) => destroyed).length;
  if (lost > 0) throw new Error(`${lost} devices were cut that nobody revoked`);
}

function summarise(seen: readonly Seen[]): Revocations {
  const steps = seen.map(({ answer }) => {
    const [first] = answer.steps;
    return Object.fromEntries(answer.steps.map(({ step, atMs }) => [step, atMs - (first?.atMs ?? atMs)]));
  });
  return {
    platform: distributions(steps),
    outside: distributions(seen.map(({ outside }) => outside)),
    crls: new Set(seen.map(({ answer }) => answer.crlNumber)).size,
  };
}

function distributions(rows: readonly Readonly<Record<string, number>>[]): Revocations['platform'] {
  const names = Object.keys(rows[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, distributionOf(rows.map((row) => row[name]!))]));
}
