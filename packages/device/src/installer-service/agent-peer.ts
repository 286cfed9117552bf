import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Fetcher, FetchResult } from '@fleetward/updates';
import type { InstallerAnswer } from '../installer/installer.ts';
import { formatAnswer, parseStep, type StepRequest, stepBytesMax } from '../installer/step.ts';
import { http } from '../node-http.ts';

/** The agent at the other end of the socket: it may be in other hands, and nothing it says is believed. */
export interface AgentPeer {
  step(): Promise<StepRequest>;
  /** The repository, and the image of the step, as the agent passes them on. */
  readonly fetcher: Fetcher;
  answer(answer: InstallerAnswer): Promise<void>;
}

/** Over a connection that it opened: the requests go the other way. Rejects as soon as the connection is gone. */
export function agentPeer(socket: Duplex): AgentPeer {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = () => socket;
  const ask = (path: string, given: { readonly headers?: object; readonly body?: string } = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { headers = {}, body } = given;
    if (socket.destroyed) return Promise.reject(new Error('the agent has gone'));
    const method = body === undefined ? 'GET' : 'PUT';
    const options = { agent, host: 'agent', path: `/${path}`, method, headers: { ...headers } };
    http.request(options, resolve).on('error', reject).end(body);
    return promise;
  };
  return {
    step: async () => {
      const answer = await ask('step');
      return parseStep(await firstBytes(answer, stepBytesMax));
    },
    fetcher: {
      fetch: async (path, { bytesMax, signal }) => {
        signal?.throwIfAborted();
        return resultOf(await ask(path, { headers: { 'x-bytes-max': bytesMax } }));
      },
    },
    answer: async (answer) => void (await firstBytes(await ask('answer', { body: formatAnswer(answer) }), 0)),
  };
}

async function resultOf(answer: IncomingMessage): Promise<FetchResult> {
  switch (answer.statusCode) {
    case 200:
      return { kind: 'stream', chunks: answer };
    case 404:
      await firstBytes(answer, 0);
      return { kind: 'absent' };
    default: {
      const explanation = Buffer.from(await firstBytes(answer, explanationBytesMax)).toString();
      return { kind: 'unreachable', explanation };
    }
  }
}

const explanationBytesMax = 256;

/** Reads an answer to its end, which the next one over this connection waits for, and keeps so much of it. */
async function firstBytes(answer: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const kept: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (bytes <= bytesMax) kept.push(chunk);
    bytes += chunk.length;
  }
  return Buffer.concat(kept).subarray(0, bytesMax + 1);
}
