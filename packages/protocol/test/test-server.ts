import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { openssl, temporaryFolder } from '@fleetward/testkit';

export interface TestServer {
  readonly baseUrl: string;
  readonly certificate: string;
  readonly key: string;
  stop(): Promise<void>;
}

/** An HTTPS server on a free port with a certificate the openssl program made; it trusts its own as a client's too. */
export async function startServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<TestServer> {
  const { key, certificate } = await makeCertificate();
  const server = createServer(
    { key, cert: certificate, ca: certificate, requestCert: true, rejectUnauthorized: false },
    answer,
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `https://localhost:${port}`,
    certificate,
    key,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function makeCertificate(): Promise<{ readonly key: string; readonly certificate: string }> {
  using folder = temporaryFolder('fw-api-');
  const [key, cert] = [folder.join('key.pem'), folder.join('cert.pem')];
  await openssl([
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert],
  ]);
  return { key: readFileSync(key, 'utf8'), certificate: readFileSync(cert, 'utf8') };
}
