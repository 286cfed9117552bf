import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { encodePem, parseCertificatesPem } from '@fleetward/pki';
import {
  openssl,
  type RunningProgram,
  requireProgram,
  startProgram,
  type TemporaryFolder,
} from '@fleetward/testkit';
import { startFleetward } from '../brokers/fleetward.ts';
import { freePort } from '../ports.ts';
import type { Responder } from './ask.ts';

const devices = 20;

/** The whole platform: its public listener, with certificates that it issued. */
export async function fleetwardResponder(folder: TemporaryFolder): Promise<Responder> {
  const { broker, identities, authorities, publicPort } = await startFleetward({
    folder,
    devices,
    profileFolder: undefined,
  });
  const issuer = folder.join('fleetward-issuer.pem');
  writeFileSync(issuer, encodePem('CERTIFICATE', parseCertificatesPem(authorities)[1]!.der));
  const requests: Buffer[] = [];
  for (const { chain } of identities) requests.push(await requestFor({ folder, issuer, leafPem: chain }));
  return {
    name: 'fleetward',
    pid: broker.pid,
    url: `http://127.0.0.1:${publicPort}/ocsp`,
    requests,
    keepsConnections: true,
    stop: () => broker.stop(),
  };
}

/** `openssl ocsp -port` with a CA and an index of its own; it signs each answer and closes each connection. */
export async function opensslResponder(folder: TemporaryFolder): Promise<Responder> {
  const at = (name: string): string => folder.join(`openssl-${name}`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('key')];
  await openssl(['req', '-x509', ...key, '-subj', '/CN=ca', '-days', '9', '-out', at('ca')]);
  const requests: Buffer[] = [];
  const index: string[] = [];
  for (let device = 1; device <= devices; device++) {
    const leafKey = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      at('leaf-key'),
    ];
    await openssl(['req', '-new', ...leafKey, '-subj', `/CN=d${device}`, '-out', at('csr')]);
    const serial = (0x1000 + device).toString(16).toUpperCase();
    const by = ['-CA', at('ca'), '-CAkey', at('key'), '-set_serial', `0x${serial}`];
    const leafPem = (await openssl(['x509', '-req', '-in', at('csr'), ...by, '-days', '9'])).toString();
    requests.push(await requestFor({ folder, issuer: at('ca'), leafPem }));
    index.push(`V\t400101000000Z\t\t${serial}\tunknown\t/CN=d${device}\n`);
  }
  writeFileSync(at('index'), index.join(''));
  const signer = ['-CA', at('ca'), '-rsigner', at('ca'), '-rkey', at('key')];
  const { port, program } = await startListening(['ocsp', '-index', at('index'), '-ndays', '1', ...signer]);
  return {
    name: 'openssl',
    pid: program.pid ?? 0,
    url: `http://127.0.0.1:${port}/`,
    requests,
    keepsConnections: false,
    stop: async () => {
      program.kill('SIGKILL');
      await program.outcome;
    },
  };
}

const startsMax = 5;
/** Where the port is taken, openssl ends at once. A connection to try it by would be one that it waits for. */
const endsWithinMs = 500;

/** Another program may take the port between the moment it was free and openssl's start: then again on another one. */
async function startListening(args: readonly string[]): Promise<{ port: number; program: RunningProgram }> {
  for (let start = 0; start < startsMax; start++) {
    const port = await freePort();
    const path = requireProgram('openssl', 'openssl');
    const program = startProgram(path, [...args, '-port', String(port)], { timeoutMs: 600_000 });
    const hasEnded = await Promise.race([program.outcome.then(() => true), pause(endsWithinMs, false)]);
    if (!hasEnded) return { port, program };
  }
  throw new Error(`openssl ended ${startsMax} times as soon as it was started`);
}

async function requestFor({
  folder,
  issuer,
  leafPem,
}: {
  readonly folder: TemporaryFolder;
  readonly issuer: string;
  readonly leafPem: string;
}): Promise<Buffer> {
  const [leaf, request] = [folder.join('leaf.pem'), folder.join('request.der')];
  writeFileSync(leaf, leafPem);
  await openssl(['ocsp', '-issuer', issuer, '-cert', leaf, '-no_nonce', '-reqout', request]);
  return readFileSync(request);
}
