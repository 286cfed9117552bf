import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openssl, requireProgram, runProgram, type TemporaryFolder } from '@fleetward/testkit';
import type { TestPlatform } from '@fleetward/testkit/platform';

/** What curl was told, with the headers in lower case. */
export interface CurlAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One request to the device listener by curl. */
export async function curl(
  platform: TestPlatform,
  path: string,
  args: readonly string[] = [],
): Promise<CurlAnswer> {
  const url = `https://localhost:${platform.platform.ports.devices}/.well-known/est/${path}`;
  const { code, stdout, stderr } = await runProgram(requireProgram('curl', 'curl'), [
    ...['-sS', '-i', '--http1.1', '--cacert', platform.rootFile, ...args],
    url,
  ]);
  if (code !== 0) throw new Error(`curl: exit code ${code}: ${stderr}`);
  return parseAnswer(stdout.toString());
}

export function parseAnswer(text: string): CurlAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return {
    status: Number(first.split(' ')[1]),
    headers: Object.fromEntries(headers),
    body: text.slice(end + 4),
  };
}

/** The flags of curl that post a CSR. */
export function posting(csrFile: string): readonly string[] {
  return ['-H', 'Content-Type: application/pkcs10', '--data-binary', `@${csrFile}`];
}

/** A CSR by openssl, as the base64 lines of RFC 7030 §4.2.1 in a file. `attributes` are lines of its configuration. */
export async function csrFile(
  folder: TemporaryFolder,
  name: string,
  options: {
    readonly subject?: string;
    readonly attributes?: string;
    readonly extra?: readonly string[];
  } = {},
): Promise<{ readonly csr: string; readonly key: string; readonly base64: string }> {
  const { subject = `/CN=${name}`, attributes, extra = [] } = options;
  const key = folder.join(`${name}.key`);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key];
  const config = folder.join(`${name}.cnf`);
  writeFileSync(
    config,
    `[req]\nprompt = no\ndistinguished_name = dn\nattributes = attrs\n[dn]\nCN = ${name}\n[attrs]\n${attributes ?? ''}\n`,
  );
  // With a subject on its command line it leaves the attributes out.
  const named = attributes === undefined ? ['-subj', subject] : [];
  const made = [...newKey, '-config', config, ...named, '-outform', 'DER', ...extra];
  const base64 = (await openssl(['req', '-new', ...made])).toString('base64');
  const csr = folder.join(`${name}.b64`);
  writeFileSync(csr, base64.replace(/.{1,64}/g, '$&\n'));
  return { csr, key, base64 };
}

/** Key (PKCS #8) and certificates of an answer of `/serverkeygen` (RFC 7030 §4.4.2), the latter and the key's public half by openssl. */
export async function madeKeyOf(answer: CurlAnswer) {
  const boundary = /^multipart\/mixed; boundary=(\S+)$/.exec(answer.headers['content-type'] ?? '')?.[1];
  const parts = answer.body
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => part.split('\r\n\r\n'));
  const types = parts.map(([head = '']) => /^Content-Type: (.*)$/im.exec(head)?.[1]?.trim());
  const [key = '', certificates = ''] = parts.map(([, body = '']) => body);
  const pkcs8 = Buffer.from(key, 'base64');
  const publicOfKey = await openssl(['pkey', '-inform', 'DER', '-pubout'], { input: pkcs8 });
  const input = Buffer.from(certificates, 'base64');
  const pem = await openssl(['pkcs7', '-inform', 'DER', '-print_certs'], { input });
  const publicOfCertificate = await openssl(['x509', '-noout', '-pubkey'], { input: pem });
  return { types, pkcs8, pem, isKeyOfCertificate: publicOfKey.equals(publicOfCertificate) };
}

/** What is in a certs-only answer, by openssl: the subjects in order. */
export async function subjectsOf(base64: string): Promise<readonly string[]> {
  const input = Buffer.from(base64, 'base64');
  const text = await openssl(['pkcs7', '-inform', 'DER', '-print_certs', '-noout'], { input });
  return [...text.toString().matchAll(/^subject=(.*)$/gm)].map(([, subject = '']) => subject);
}

/**
 * A TLS connection that openssl s_client keeps, with the value that `keymatexport` printed of it: what RFC 9266 calls tls-exporter.
 */
export async function openExporter(platform: TestPlatform) {
  const child = spawn(requireProgram('openssl', 'openssl'), [
    ...['s_client', '-tls1_3', '-connect', `127.0.0.1:${platform.platform.ports.devices}`],
    ...['-servername', 'localhost', '-CAfile', platform.rootFile, '-verify_return_error'],
    ...['-keymatexport', 'EXPORTER-Channel-Binding', '-keymatexportlen', '32', '-ign_eof'],
  ]);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  const seen = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(text);
      if (found !== null) return found;
      if (child.exitCode !== null) throw new Error(`openssl s_client ended: ${text}`);
      await new Promise((resolve) => child.stdout.once('data', resolve));
    }
  };
  const [, hex = ''] = await seen(/Keying material: ([0-9A-F]{64})/);
  return {
    binding: Buffer.from(hex, 'hex').toString('base64'),
    async post(path: string, body: string, authorization: string): Promise<CurlAnswer> {
      const head = `POST /.well-known/est/${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/pkcs10\r\n`;
      child.stdin.write(
        `${head}Authorization: ${authorization}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      const ended = new Promise((resolve) => child.once('close', resolve));
      await ended;
      return parseAnswer(text.slice(text.indexOf('HTTP/1.1 ')));
    },
    stop: () => void child.kill(),
  };
}

/** Python's ssl as an EST client on TLS 1.2: asks its connection for tls-unique, has openssl make the CSR with it, and posts that. */
export async function pythonEnrol(
  platform: TestPlatform,
  wanted: {
    readonly name: string;
    readonly authorization: string;
    readonly binding?: 'right' | 'wrong' | 'resumed';
  },
): Promise<CurlAnswer> {
  const { code, stdout, stderr } = await runProgram(requireProgram('python3', 'python3'), [
    join(import.meta.dirname, 'tls-unique-client.py'),
    ...[String(platform.platform.ports.devices), platform.rootFile, platform.folder.path],
    ...[wanted.name, wanted.authorization, wanted.binding ?? 'right'],
  ]);
  if (code !== 0) throw new Error(`python3: exit code ${code}: ${stderr}`);
  return parseAnswer(stdout.toString('latin1'));
}
