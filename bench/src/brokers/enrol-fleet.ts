import { Agent, request } from 'node:https';
import { encodePem, parseCertsOnly } from '@fleetward/pki';
import { makeDeviceCsr } from '../issue/device-csrs.ts';
import { deviceName } from '../workloads.ts';
import type { Identity } from './broker.ts';

export interface FleetOptions {
  readonly ca: string;
  /** Of the listener that speaks EST. */
  readonly port: number;
  /** Good for `devices` uses. */
  readonly joinToken: string;
  readonly devices: number;
}

const enrolmentsAtOnce = 4;

/** Makes a P-256 key and CSR for each device and enrols it over EST (RFC 7030 section 4.2). */
export async function enrolFleet(options: FleetOptions): Promise<readonly Identity[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: enrolmentsAtOnce, ca: options.ca });
  const identities: Identity[] = [];
  let next = 0;
  const enrolInTurn = async (): Promise<void> => {
    for (let device = next++; device < options.devices; device = next++)
      identities[device] = await enrol(deviceName(device), { ...options, agent });
  };
  try {
    await Promise.all(Array.from({ length: enrolmentsAtOnce }, enrolInTurn));
  } finally {
    agent.destroy();
  }
  return identities;
}

async function enrol(clientId: string, options: FleetOptions & { readonly agent: Agent }): Promise<Identity> {
  const { csr, key } = makeDeviceCsr(clientId);
  const answer = await postCsr(csr, options);
  if (answer.status !== 200) throw new Error(`enrolment answered ${answer.status}: ${answer.body}`);
  const chain = parseCertsOnly(Buffer.from(answer.body, 'base64'));
  const pem = chain.map(({ der }) => encodePem('CERTIFICATE', der)).join('');
  return { clientId, key, chain: pem };
}

function postCsr(
  csr: Buffer,
  { port, joinToken, agent }: Pick<FleetOptions, 'port' | 'joinToken'> & { readonly agent: Agent },
): Promise<{ readonly status: number; readonly body: string }> {
  const headers = {
    'content-type': 'application/pkcs10',
    authorization: `Basic ${Buffer.from(`device:${joinToken}`).toString('base64')}`,
  };
  const target = { host: '127.0.0.1', servername: 'localhost', port, path: '/.well-known/est/simpleenroll' };
  return new Promise((resolve, reject) => {
    const call = request({ ...target, method: 'POST', headers, agent }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      );
      answer.on('error', reject);
    });
    call.on('error', reject);
    call.end(csr.toString('base64'));
  });
}
