import { request } from 'node:https';
import { connect } from 'node:tls';

export interface RawResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

interface RawOptions {
  readonly port: number;
  readonly ca: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** A client certificate. */
  readonly client?: { readonly key: string; readonly cert: string };
}

/** One request as any HTTP client could send it, without our own client. */
export function rawRequest(options: RawOptions): Promise<RawResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<RawResponse>();
  const { port, ca, method = 'GET', path = '/', headers = {}, client = {} } = options;
  const outgoing = request(
    { host: 'localhost', port, ca, method, path, headers, agent: false, ...client },
    (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
      );
    },
  );
  outgoing.on('error', reject);
  outgoing.end(options.body);
  return promise;
}

export function json(response: RawResponse): Record<string, unknown> {
  return JSON.parse(response.body.toString('utf8')) as Record<string, unknown>;
}

/** Sends bytes over TLS and resolves with everything the server says until it ends the connection. */
export function rawBytes(options: {
  readonly port: number;
  readonly ca: string;
  readonly send: string;
}): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ host: 'localhost', port: options.port, ca: options.ca });
  const chunks: Buffer[] = [];
  socket.on('secureConnect', () => socket.write(options.send));
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', reject);
  socket.on('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
  return promise;
}
