import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { localSigner } from '@fleetward/keys';
import { type Certificate, encodePem, issueCertificate, makeName, parsePublicKey } from '@fleetward/pki';

/** In PEM. */
export interface ServerCertificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const hourMs = 3_600_000;
const validityMs = 30 * 24 * hourMs;
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };

/** Makes a CA, a server for `localhost` and 127.0.0.1 and a client, and writes `ca.crt`, `server.crt|key` and `client.crt|key`. */
export async function writeCertificates(folder: string): Promise<ServerCertificates> {
  const nowMs = Math.floor(Date.now() / 1000) * 1000; // certificates hold whole seconds
  const validity = { notBeforeMs: nowMs - hourMs, notAfterMs: nowMs + validityMs };
  const ca = newKey();
  const root = await issueCertificate({
    ...validity,
    profile: 'root-ca',
    subject: makeName([['commonName', 'testkit CA']]),
    publicKey: ca.publicKey,
    issuer: 'self',
    signer: ca.signer,
    random,
  });
  const issue = { ...validity, issuer: root, signer: ca.signer, random };
  const [serverKey, clientKey] = [newKey(), newKey()];
  const server = await issueCertificate({
    ...issue,
    profile: 'server',
    subject: makeName([['commonName', 'localhost']]),
    subjectAltName: [
      { kind: 'dns', value: 'localhost' },
      { kind: 'ip', value: '127.0.0.1' },
    ],
    publicKey: serverKey.publicKey,
  });
  const client = await issueCertificate({
    ...issue,
    profile: 'device',
    subject: makeName([['commonName', 'testkit client']]),
    publicKey: clientKey.publicKey,
  });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
  write('ca.crt', pemOf(root));
  write('server.crt', pemOf(server));
  write('server.key', serverKey.pem);
  write('client.crt', pemOf(client));
  write('client.key', clientKey.pem);
  return { ca: pemOf(root), cert: pemOf(server), key: serverKey.pem };
}

function newKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = localSigner(privateKey, 'ecdsa-p256-sha256');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { signer, pem, publicKey: parsePublicKey(signer.publicKey) };
}

function pemOf(certificate: Certificate): string {
  return encodePem('CERTIFICATE', certificate.der);
}
