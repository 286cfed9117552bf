import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

/** A responder under test; `pid` is the process whose time is counted. */
export interface Responder {
  readonly name: 'fleetward' | 'openssl';
  readonly pid: number;
  readonly url: string;
  readonly requests: readonly Buffer[];
  /** Not where each answer ends its connection: one used again just then would be reset. */
  readonly keepsConnections: boolean;
  stop(): Promise<void>;
}

const connections = 16;
/** Some say nothing to what they cannot read, `openssl ocsp` 3.0.19 for one. */
const answerTimeoutMs = 10_000;

/** Asks about one certificate after another on several connections; answers how many were told `successful`. */
export async function askFor(
  seconds: number,
  { url, requests, keepsConnections }: Pick<Responder, 'url' | 'requests' | 'keepsConnections'>,
): Promise<number> {
  const agent = new Agent({ keepAlive: keepsConnections, maxSockets: connections });
  const endsAtMs = performance.now() + seconds * 1000;
  let answered = 0;
  let next = 0;
  const ask = async (): Promise<void> => {
    while (performance.now() < endsAtMs) {
      assertSuccessful(await post(url, { agent, body: requests[next++ % requests.length]! }));
      answered++;
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, ask));
    return answered;
  } finally {
    agent.destroy();
  }
}

const triesMax = 200;
const betweenTriesMs = 50;

/** The first answer, on one connection: openssl says on no channel that it has begun, and a connection left unused holds it up. */
export async function untilItAnswers({ url, requests }: Responder): Promise<void> {
  const agent = new Agent({ keepAlive: false });
  for (let tries = 0; ; tries++) {
    try {
      assertSuccessful(await post(url, { agent, body: requests[0]! }));
      return;
    } catch (error) {
      if (tries >= triesMax) throw error;
      await pause(betweenTriesMs);
    }
  }
}

/** RFC 6960 §4.2.1: OCSPResponse, a sequence that begins with the status 0. */
function assertSuccessful(answer: Buffer): void {
  const status = answer.indexOf(Buffer.from('0a0100', 'hex'));
  if (answer[0] !== 0x30 || status < 2 || status > 6)
    throw new Error('a responder did not answer `successful`');
}

function post(
  url: string,
  { agent, body }: { readonly agent: Agent; readonly body: Buffer },
): Promise<Buffer> {
  const headers = { 'content-type': 'application/ocsp-request', 'content-length': body.length };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: 'POST', agent, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve(Buffer.concat(chunks)));
      answer.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.setTimeout(answerTimeoutMs, () =>
      outgoing.destroy(new Error(`a responder gave no answer in ${answerTimeoutMs} ms`)),
    );
    outgoing.end(body);
  });
}
