import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { toBase64 } from '@fleetward/core';
import { certsOnly, parseBase64Body, parseCsr, verifyCsrSignature } from '@fleetward/pki';
import { TestAuthority } from './test-authority.ts';
import type { TestRepository } from './test-repository.ts';

/** The device listener of a platform as the wire contract says: EST, update files and reports over mutual TLS. */
export class TestPlatform implements AsyncDisposable {
  readonly authority: TestAuthority;
  readonly repository: TestRepository;
  /** `Range` of each request for an image. */
  readonly ranges: (string | undefined)[] = [];
  breakAfterBytes: number | undefined;
  readonly reports: Record<string, unknown>[] = [];
  readonly joinToken = 'join-me';
  readonly joinTokens = new Set([this.joinToken]);
  readonly #server: Server;

  private constructor(parts: { authority: TestAuthority; repository: TestRepository; server: Server }) {
    this.authority = parts.authority;
    this.repository = parts.repository;
    this.#server = parts.server;
    this.#server.on('request', (request, answer) => void this.#answer(request, answer));
  }

  static async start(repository: TestRepository): Promise<TestPlatform> {
    const authority = await TestAuthority.create();
    const options = { ...(await authority.serverCredentials()), ca: authority.rootPem };
    const server = createServer({ ...options, requestCert: true, rejectUnauthorized: false });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TestPlatform({ authority, repository, server });
  }

  get url(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  get rootPem(): string {
    return this.authority.rootPem;
  }

  get releaseRoot(): Uint8Array {
    return this.repository.root;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    if (path === '/.well-known/est/cacerts') return this.#certificates(answer, [this.authority.root]);
    if (path === '/.well-known/est/simpleenroll') return this.#enrol(request, answer);
    if (!(request.socket as TLSSocket).authorized) return problem(answer, 401);
    if (path === '/v1/report') return this.#keepReport(request, answer);
    const file = this.repository.files.get(path.replace('/tuf/', ''));
    return file === undefined ? problem(answer, 404) : this.#send(file, request, answer);
  }

  /** All of a file or its rest; a download breaks off after `breakAfterBytes`. */
  #send(file: Uint8Array, { headers, url }: IncomingMessage, answer: ServerResponse): void {
    const [, first] = /^bytes=(\d+)-$/.exec(headers.range ?? '') ?? [];
    const from = Number(first ?? 0);
    const length = file.length - from;
    const range = first && { 'content-range': `bytes ${from}-${file.length - 1}/${file.length}` };
    answer.writeHead(first ? 206 : 200, { 'content-length': length, ...range });
    if (url?.includes('/targets/')) this.ranges.push(headers.range);
    if (this.breakAfterBytes === undefined || length <= this.breakAfterBytes)
      return void answer.end(file.subarray(from));
    const part = file.subarray(from, from + this.breakAfterBytes);
    answer.write(part, () => answer.destroy());
  }

  async #enrol(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const [, basic = ''] = (request.headers.authorization ?? '').split(' ');
    const [, token = ''] = Buffer.from(basic, 'base64').toString().split(':');
    const csr = parseCsr(parseBase64Body(await bodyOf(request), 10_000));
    if (!this.joinTokens.delete(token))
      return void answer.writeHead(401).end('the join token is not known\n');
    if (!verifyCsrSignature(csr)) return void answer.writeHead(400).end('the signature is broken\n');
    const name = csr.subject.attributes.commonName?.[0] ?? '';
    this.#certificates(answer, [await this.authority.issueDevice(csr.publicKey.spki, name)]);
  }

  #certificates(answer: ServerResponse, certificates: Parameters<typeof certsOnly>[0]): void {
    answer.end(toBase64(certsOnly(certificates)));
  }

  async #keepReport(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    this.reports.push(JSON.parse((await bodyOf(request)).toString()));
    answer.writeHead(204).end();
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function problem(answer: ServerResponse, status: number): void {
  const facts = { type: 'about:blank', title: 'Refused', status, detail: 'refused', code: 'test.refused' };
  answer.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(facts));
}
