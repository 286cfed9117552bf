import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { openssl, seededRandom, temporaryFolder } from '@fleetward/testkit';
import {
  createHttpApp,
  type HttpApp,
  type HttpAppOptions,
  type HttpLimits,
  httpServerOptions,
} from '../../src/http/index.ts';

export interface TestCertificates {
  readonly ca: string;
  readonly key: string;
  readonly cert: string;
}

/** A self-signed P-256 certificate for localhost, made by the openssl program. */
export async function makeCertificate(): Promise<TestCertificates> {
  const folder = temporaryFolder('fw-http-');
  try {
    const [key, cert] = [folder.join('key.pem'), folder.join('cert.pem')];
    await openssl(
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
        .concat(['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'])
        .concat(['-keyout', key, '-out', cert]),
    );
    const pem = readFileSync(cert, 'utf8');
    return { ca: pem, cert: pem, key: readFileSync(key, 'utf8') };
  } finally {
    folder.remove();
  }
}

export const testLimits: HttpLimits = {
  headerBytesMax: 8_192,
  bodyBytesMax: 4_096,
  uploadBytesMax: 65_536,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  connectionsMax: 50,
  requestsPerSocketMax: 1_000,
  failedAuthenticationsPerMinuteMax: 3,
  connectionsPerAddressMax: 50,
  stalledWriteMs: 20_000,
  lingerMs: 3_000,
};

export interface LogLine {
  readonly level: 'info' | 'error';
  readonly fields: object;
  readonly message: string;
}

export interface Listening {
  readonly port: number;
  readonly baseUrl: string;
  readonly server: Server;
  readonly app: HttpApp;
  readonly lines: readonly LogLine[];
  stop(): Promise<void>;
}

type Overrides = Partial<HttpAppOptions> & Pick<HttpAppOptions, 'handlers' | 'authenticate' | 'clock'>;

/** Serves an app on a free port of localhost over TLS; every option but those that matter to the test has a default. */
export async function listen(certificates: TestCertificates, options: Overrides): Promise<Listening> {
  const limits = options.limits ?? testLimits;
  const { key, cert, ca } = certificates;
  const server = createServer({
    key,
    cert,
    ca,
    requestCert: true,
    rejectUnauthorized: false,
    ...httpServerOptions(limits),
  });
  const lines: LogLine[] = [];
  const log = {
    info: (fields: object, message: string) => void lines.push({ level: 'info', fields, message }),
    error: (fields: object, message: string) => void lines.push({ level: 'error', fields, message }),
  };
  const app = await createHttpApp({ log, random: seededRandom(1), limits, ...options, server });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    baseUrl: `https://localhost:${port}`,
    server,
    app,
    lines,
    stop: async () => {
      await app.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
