import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { encodePem, parseCertsOnly } from '@fleetward/pki';
import { openssl, type TemporaryFolder } from '@fleetward/testkit';
import type { Ports } from '../../src/listeners.ts';

/** A key pair with its CSR, made by the openssl program. */
export interface Applicant {
  readonly thingName: string;
  readonly keyFile: string;
  /** Base64 of DER, as EST wants it. */
  readonly csr: string;
}

/** An applicant with its certificate. */
export interface Enrolled extends Applicant {
  readonly certificateId: string;
  /** Leaf first, PEM. */
  readonly chainPem: string;
}

interface Gateway {
  readonly ports: Ports;
  readonly rootPem: string;
}

export async function newApplicant(folder: TemporaryFolder, thingName: string): Promise<Applicant> {
  const keyFile = folder.join(`${thingName}.key`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
  const csr = await openssl(['req', '-new', ...key, '-subj', `/CN=${thingName}`, '-outform', 'DER']);
  return { thingName, keyFile, csr: csr.toString('base64') };
}

/** Enrols over EST, by a join token or with a claim; rejects when the platform does not answer with a certificate. */
export async function enrol(
  on: Gateway,
  applicant: Applicant,
  shown: string | { readonly key: string; readonly cert: string },
): Promise<Enrolled> {
  const by =
    typeof shown === 'string'
      ? { authorization: `Basic ${Buffer.from(`device:${shown}`).toString('base64')}` }
      : {};
  const { status, body } = await ask(on, {
    method: 'POST',
    path: '/.well-known/est/simpleenroll',
    headers: { 'content-type': 'application/pkcs10', ...by },
    body: applicant.csr,
    ...(typeof shown === 'string' ? {} : shown),
  });
  if (status !== 200) throw new Error(`enrolment answered ${status}: ${body}`);
  const chain = parseCertsOnly(Buffer.from(body.toString(), 'base64'));
  const chainPem = chain.map(({ der }) => encodePem('CERTIFICATE', der)).join('');
  return { ...applicant, certificateId: chain[0]!.id, chainPem };
}

/** A GET with the device's certificate; status 0 when the platform ended the connection instead of answering. */
export async function getAs(
  on: Gateway,
  device: Pick<Enrolled, 'keyFile' | 'chainPem'>,
  path: string,
): Promise<{ readonly status: number; readonly body: Buffer }> {
  const identity = { key: readFileSync(device.keyFile, 'utf8'), cert: device.chainPem };
  return ask(on, { method: 'GET', path, headers: {}, ...identity }).catch(() => ({
    status: 0,
    body: Buffer.alloc(0),
  }));
}

function ask(
  on: Gateway,
  call: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly key?: string;
    readonly cert?: string;
  },
): Promise<{ readonly status: number; readonly body: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: Buffer }>();
  const { body: sent, ...rest } = call;
  const to = {
    host: '127.0.0.1',
    servername: 'localhost',
    port: on.ports.devices,
    ca: on.rootPem,
    agent: false,
  };
  const outgoing = request({ ...to, ...rest }, (answer) => {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks) }));
    answer.on('error', reject);
  });
  outgoing.on('error', reject);
  outgoing.end(sent);
  return promise;
}
