import { request } from 'node:https';
import { certificateRefusedText, watchHandshake } from '@fleetward/protocol';
import { DeviceError } from '../errors.ts';

export interface EstRequest {
  readonly url: string;
  readonly operation: 'cacerts' | 'simpleenroll' | 'simplereenroll';
  /** PEM of the root the server must chain to; without one the answer is believed only by a fingerprint. */
  readonly root: string | undefined;
  /** The certificate that is to be renewed, with its key; PEM. */
  readonly client?: { readonly cert: string; readonly key: string };
  readonly body?: string;
  readonly authorization?: string;
  readonly timeoutMs: number;
}

export interface EstAnswer {
  readonly status: number;
  readonly body: string;
}

const answerBytesMax = 256 * 1024;

/** One EST request (RFC 7030 §3.2.2), bounded in time and size. Throws `DeviceError` when there is no answer. */
export function requestEst(options: EstRequest): Promise<EstAnswer> {
  const { url, operation, root, client, body, authorization, timeoutMs } = options;
  const { promise, resolve, reject } = Promise.withResolvers<EstAnswer>();
  const call = request(new URL(`/.well-known/est/${operation}`, url), {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(body !== undefined && {
        'content-type': 'application/pkcs10',
        'content-length': Buffer.byteLength(body),
      }),
      ...(authorization !== undefined && { authorization }),
    },
    agent: false,
    ...client,
    minVersion: 'TLSv1.2',
    signal: AbortSignal.timeout(timeoutMs),
    ...(root === undefined ? { rejectUnauthorized: false } : { ca: root }),
  });
  const wasSecure = watchHandshake(call);
  const fail = (cause: NodeJS.ErrnoException) => {
    const isRefused = client !== undefined && cause.code === 'ECONNRESET' && wasSecure();
    const why = isRefused ? certificateRefusedText : cause.message;
    reject(new DeviceError('device.unreachable', `no answer from \`${url}\`: ${why}`, { cause }));
  };
  call.once('error', fail);
  call.once('response', (answer) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    answer.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > answerBytesMax) call.destroy(new Error(`the answer has more than ${answerBytesMax} bytes`));
      else chunks.push(chunk);
    });
    answer.once('error', fail);
    answer.once('end', () =>
      resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('latin1') }),
    );
  });
  call.end(body);
  return promise;
}
