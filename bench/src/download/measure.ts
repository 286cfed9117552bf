import { requireProgram, runProgram } from '@fleetward/testkit';
import { cpuSeconds } from '../cpu-seconds.ts';
import { residentBytes } from '../resident-bytes.ts';
import type { FileServer, FileServers } from './servers.ts';

export interface DownloadRun {
  readonly megabytesPerSecond: number;
  readonly megabytesPerCpuSecond: number;
  readonly residentBytes: number;
}

/** Downloads the artifact so often on one connection with curl, over mutual TLS 1.3. */
export async function measureDownload(
  server: FileServer,
  {
    device,
    times,
    lengthBytes,
  }: Pick<FileServers, 'device'> & { readonly times: number; readonly lengthBytes: number },
): Promise<DownloadRun> {
  const cpu = cpuSeconds(server.pid);
  const seconds = await download(server, { device, times, lengthBytes });
  const used = cpuSeconds(server.pid) - cpu;
  const megabytes = (times * lengthBytes) / 1e6;
  return {
    megabytesPerSecond: Math.round(megabytes / seconds),
    megabytesPerCpuSecond: Math.round(megabytes / used),
    residentBytes: residentBytes(server.pid).now,
  };
}

async function download(
  { url, caFile }: FileServer,
  {
    device,
    times,
    lengthBytes,
  }: Pick<FileServers, 'device'> & { readonly times: number; readonly lengthBytes: number },
): Promise<number> {
  const tls = ['--cacert', caFile, '--cert', device.certFile, '--key', device.keyFile];
  const ciphers = ['--tls13-ciphers', 'TLS_AES_128_GCM_SHA256', '--http1.1'];
  const each = Array.from({ length: times }, () => ['-o', '/dev/null', url]).flat();
  const write = ['-w', '%{http_code} %{size_download} %{time_starttransfer} %{time_total}\\n'];
  const args = ['-sS', ...tls, ...ciphers, ...write, ...each];
  const { code, stdout, stderr } = await runProgram(requireProgram('curl', 'curl'), args, {
    timeoutMs: 120_000,
  });
  if (code !== 0) throw new Error(`curl: ${stderr}`);
  return stdout
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => secondsOf(line, lengthBytes))
    .reduce((sum, seconds) => sum + seconds, 0);
}

/** From the first byte to the last: the handshake is measured elsewhere. */
function secondsOf(line: string, lengthBytes: number): number {
  const [status, size, began, ended] = line.split(' ').map(Number);
  if (status !== 200 || size !== lengthBytes) throw new Error(`a download was \`${line}\``);
  return ended! - began!;
}
