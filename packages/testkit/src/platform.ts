import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { Clock } from '@fleetward/core';
import { encodePem, parseCertsOnly } from '@fleetward/pki';
import { type ApiClient, completeSetup, createApiClient, createJoinToken } from '@fleetward/protocol';
import {
  type Config,
  initialise,
  loadConfig,
  type Platform,
  startPlatform,
  systemClock,
  systemRandom,
} from '@fleetward/server';
import { openssl } from './openssl.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

/** A device as its owner has it: key and certificate chain in PEM, and the same in files for foreign programs. */
export interface TestDevice {
  readonly thingName: string;
  readonly key: string;
  readonly cert: string;
  readonly keyFile: string;
  readonly certFile: string;
}

/** A real platform on free ports in a temporary folder, with one operator. */
export interface TestPlatform {
  readonly config: Config;
  readonly folder: TemporaryFolder;
  /** Of the running process: changes with `restart`. */
  readonly platform: Platform;
  readonly api: ApiClient;
  readonly rootPem: string;
  readonly rootFile: string;
  /** Makes a key and CSR with openssl (P-256) and enrols it over EST with a one-time token. */
  enrol(thingName: string, options?: { readonly policies?: readonly string[] }): Promise<TestDevice>;
  /** Raw EST enrolment: any CSR (PEM), any token. */
  enrolCsr(csrPem: string, joinToken: string): Promise<{ readonly status: number; readonly body: string }>;
  newJoinToken(namePattern: string, options?: { readonly policies?: readonly string[] }): Promise<string>;
  /** A TLS connection to the MQTT listener; resolves when the handshake is finished. */
  connectTls(options?: ConnectionOptions): Promise<TLSSocket>;
  /** With `settings` over those it was started with. */
  restart(settings?: object): Promise<void>;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface TestPlatformOptions {
  readonly clock?: Clock;
  /** Normally `process.env`. */
  readonly environment?: Record<string, string | undefined>;
  readonly init?: Parameters<typeof initialise>[2];
  /** Settings over those of a test platform. */
  readonly settings?: object;
}

const freePorts = Object.fromEntries(
  ['mqtt', 'devices', 'public', 'operators'].map((name) => [name, { host: '127.0.0.1', port: 0 }]),
);

export async function startTestPlatform(options: TestPlatformOptions = {}): Promise<TestPlatform> {
  const folder = temporaryFolder('fleetward-platform-');
  const configWith = (settings: object) =>
    loadConfig({
      overrides: {
        folder: folder.join('data'),
        logLevel: 'silent',
        listeners: freePorts,
        storageLimits: { readerThreads: 1 }, // a thread is a tenth of the time that a start takes
        ...options.settings,
        ...settings,
      },
    });
  const config = configWith({});
  const { environment = process.env } = options;
  const parts = { clock: options.clock ?? systemClock, random: systemRandom, environment };
  const initialised = await initialise(config, parts, options.init);
  const rootPem = encodePem('CERTIFICATE', initialised.root.der);
  const rootFile = folder.join('root.pem');
  writeFileSync(rootFile, rootPem);

  let platform = await startPlatform(config, parts);
  let api = clientOf(platform, { ca: rootPem });
  const { token } = await api.call(completeSetup, {
    body: { setupToken: initialised.setupToken, operatorName: 'tester' },
  });
  api.close();
  api = clientOf(platform, { ca: rootPem, token: token.secret });

  async function newJoinToken(
    namePattern: string,
    wanted: { readonly policies?: readonly string[] } = {},
  ): Promise<string> {
    const body = {
      namePattern,
      ...(wanted.policies === undefined ? {} : { policies: [...wanted.policies] }),
    };
    return (await api.call(createJoinToken, { body })).secret;
  }

  function enrolCsr(csrPem: string, joinToken: string) {
    return postCsr({ port: platform.ports.devices, ca: rootPem, csrPem, joinToken });
  }

  async function enrol(
    thingName: string,
    wanted: { readonly policies?: readonly string[] } = {},
  ): Promise<TestDevice> {
    const keyFile = folder.join(`${thingName}.key`);
    const certFile = folder.join(`${thingName}.pem`);
    await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', keyFile]);
    const csr = await openssl(['req', '-new', '-key', keyFile, '-subj', `/CN=${thingName}`]);
    const answer = await enrolCsr(csr.toString(), await newJoinToken(thingName, wanted));
    if (answer.status !== 200) throw new Error(`enrolment answered ${answer.status}: ${answer.body}`);
    const chain = parseCertsOnly(Buffer.from(answer.body, 'base64'));
    const cert = chain.map(({ der }) => encodePem('CERTIFICATE', der)).join('');
    writeFileSync(certFile, cert);
    return { thingName, key: readFileSync(keyFile, 'utf8'), cert, keyFile, certFile };
  }

  async function stop(): Promise<void> {
    api.close();
    await platform.stop();
    folder.remove();
  }

  return {
    config,
    folder,
    rootPem,
    rootFile,
    get platform() {
      return platform;
    },
    get api() {
      return api;
    },
    enrol,
    enrolCsr,
    newJoinToken,
    connectTls: (tls) =>
      connectTls({
        port: platform.ports.mqtt,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: rootPem,
        ...tls,
      }),
    restart: async (settings = {}) => {
      api.close();
      await platform.stop();
      platform = await startPlatform(configWith(settings), parts);
      api = clientOf(platform, { ca: rootPem, token: token.secret });
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function clientOf(platform: Platform, options: { readonly ca: string; readonly token?: string }): ApiClient {
  return createApiClient({ baseUrl: `https://localhost:${platform.ports.operators}`, ...options });
}

function connectTls(options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(options, () => resolve(socket));
    socket.once('error', reject);
  });
}

function postCsr(to: {
  readonly port: number;
  readonly ca: string;
  readonly csrPem: string;
  readonly joinToken: string;
}): Promise<{ readonly status: number; readonly body: string }> {
  const headers = {
    'content-type': 'application/pkcs10',
    authorization: `Basic ${Buffer.from(`device:${to.joinToken}`).toString('base64')}`,
  };
  const body = to.csrPem.replace(/-----[A-Z ]+-----/g, '').trim();
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: '127.0.0.1',
        servername: 'localhost',
        port: to.port,
        ca: to.ca,
        method: 'POST',
        path: '/.well-known/est/simpleenroll',
        headers,
        agent: false,
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
        );
        answer.on('error', reject);
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}
