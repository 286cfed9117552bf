import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { requireProgram, type TemporaryFolder } from '@fleetward/testkit';
import { type FleetwardBench, startFleetward } from '../brokers/fleetward.ts';
import { makeServerCertificate } from '../brokers/server-certificate.ts';
import { spawnChild } from '../child.ts';
import { freePort, listening } from '../ports.ts';
import { publishArtifact } from './publish-artifact.ts';

/** A server that has the artifact. */
export interface FileServer {
  readonly name: 'fleetward' | 'nginx';
  readonly pid: number;
  readonly url: string;
  /** File with the PEM of what its certificate chains to. */
  readonly caFile: string;
  stop(): Promise<void>;
}

export interface FileServers {
  readonly servers: readonly FileServer[];
  /** Files of the device that downloads. */
  readonly device: { readonly certFile: string; readonly keyFile: string };
}

/** The platform with one device and a published artifact, and nginx with the same file and the same authorities. */
export async function startFileServers(
  folder: TemporaryFolder,
  options: {
    readonly artifact: Uint8Array;
    readonly profileFolder: string | undefined;
    readonly started: AsyncDisposableStack;
  },
): Promise<FileServers> {
  const { artifact, profileFolder, started } = options;
  const platform = await startFleetward({ folder, devices: 1, profileFolder });
  started.defer(platform.broker.stop);
  const [identity] = platform.identities;
  const device = {
    certFile: fileWith(folder, 'device.pem', identity?.chain ?? ''),
    keyFile: fileWith(folder, 'device.key', identity?.key ?? ''),
  };
  const fleetward = await publishOn(platform, { folder, artifact });
  const nginx = await startNginx(folder, { artifact, authorities: platform.authorities });
  started.defer(nginx.stop);
  return { servers: [fleetward, nginx], device };
}

async function publishOn(
  { broker, operators, devicesPort }: FleetwardBench,
  { folder, artifact }: { readonly folder: TemporaryFolder; readonly artifact: Uint8Array },
): Promise<FileServer> {
  const { name: target } = await publishArtifact(artifact, operators);
  const url = `https://localhost:${devicesPort}/tuf/targets/${target}`;
  const caFile = fileWith(folder, 'fleetward-ca.pem', broker.ca);
  return { name: 'fleetward', pid: broker.pid, url, caFile, stop: broker.stop };
}

/** Debian's, one process; read through the page cache, as it does by itself over TLS. */
async function startNginx(
  folder: TemporaryFolder,
  { artifact, authorities }: { readonly artifact: Uint8Array; readonly authorities: string },
): Promise<FileServer> {
  const program = requireProgram('nginx', 'nginx-light');
  const port = await freePort();
  const { certificate, key } = await makeServerCertificate(folder);
  const root = folder.join('nginx');
  mkdirSync(root);
  chmodSync(root, 0o700);
  fileWith(folder, 'nginx/artifact', artifact);
  const caFile = fileWith(folder, 'nginx-server.pem', certificate);
  const file = fileWith(
    folder,
    'nginx.conf',
    configuration({
      root,
      port,
      certificate: caFile,
      key: fileWith(folder, 'nginx-server.key', key),
      authorities: fileWith(folder, 'nginx-clients.pem', authorities),
    }),
  );
  const child = spawnChild(program, ['-c', file, '-p', root, '-e', `${root}/error.log`]);
  await listening('nginx', port);
  const url = `https://localhost:${port}/artifact`;
  return { name: 'nginx', pid: child.pid, url, caFile, stop: child.stop };
}

function configuration(of: {
  readonly root: string;
  readonly port: number;
  readonly certificate: string;
  readonly key: string;
  readonly authorities: string;
}): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return [
    'daemon off;',
    'master_process off;',
    ...(userInfo().uid === 0 ? ['user root;'] : []),
    `pid ${of.root}/nginx.pid;`,
    'events { worker_connections 512; }',
    'http {',
    'access_log off;',
    'sendfile on;',
    'tcp_nopush on;',
    ...temporary.map((name) => `${name}_temp_path ${of.root}/${name};`),
    'server {',
    `listen 127.0.0.1:${of.port} ssl;`,
    'server_name localhost;',
    `root ${of.root};`,
    `ssl_certificate ${of.certificate};`,
    `ssl_certificate_key ${of.key};`,
    `ssl_client_certificate ${of.authorities};`,
    'ssl_verify_client on;',
    'ssl_verify_depth 3;',
    'ssl_protocols TLSv1.3;',
    '}',
    '}',
    '',
  ].join('\n');
}

function fileWith(folder: TemporaryFolder, name: string, content: string | Uint8Array): string {
  const path = folder.join(name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}
