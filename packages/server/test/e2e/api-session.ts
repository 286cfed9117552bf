import { request } from 'node:https';
import { type ApiClient, completeSetup, createApiClient } from '@fleetward/protocol';
import { type RunningProgram, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import type { Ports } from '../../src/listeners.ts';
import { serve, settingsOf, startStep } from './platform-process.ts';

interface Serving {
  readonly child: RunningProgram;
  readonly ports: Ports;
}

/** A platform in a child process, with an operator who talks to it. */
export class ApiSession implements AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly settings: object;
  readonly rootPem: string;
  readonly setupToken: string;
  readonly token: string;
  api: ApiClient;
  #serving: Serving;

  private constructor(made: {
    readonly folder: TemporaryFolder;
    readonly settings: object;
    readonly rootPem: string;
    readonly setupToken: string;
    readonly token: string;
    readonly serving: Serving;
  }) {
    this.folder = made.folder;
    this.settings = made.settings;
    this.rootPem = made.rootPem;
    this.setupToken = made.setupToken;
    this.token = made.token;
    this.#serving = made.serving;
    this.api = this.#client();
  }

  /** Initialises, serves and becomes the operator `ada`; `over` are settings over those of a test. */
  static async start(over: object = {}): Promise<ApiSession> {
    const folder = temporaryFolder('fleetward-e2e-');
    const settings = settingsOf(folder.join('data'), over);
    const { setupToken, rootPem } = await initialiseInChild(settings);
    const serving = await serve(settings);
    const token = await setUp({ ports: serving.ports, rootPem, setupToken });
    return new ApiSession({ folder, settings, rootPem, setupToken, token, serving });
  }

  get child(): RunningProgram {
    return this.#serving.child;
  }

  get ports(): Ports {
    return this.#serving.ports;
  }

  /** Where it is and whom to trust, without who asks. */
  place(): { readonly ports: Ports; readonly rootPem: string } {
    return { ports: this.ports, rootPem: this.rootPem };
  }

  /** Any text as the JSON body of a request of nobody; resolves to the status. */
  postJson(path: string, body: string): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const to = { host: 'localhost', port: this.ports.operators, ca: this.rootPem, agent: false, path };
    const headers = { 'content-type': 'application/json' };
    const outgoing = request({ ...to, method: 'POST', headers }, (answer) => {
      answer.resume();
      answer.once('end', () => resolve(answer.statusCode ?? 0));
    });
    outgoing.once('error', reject);
    outgoing.end(body);
    return promise;
  }

  /** Goes on with the next process. */
  restart(serving: Serving): ApiClient {
    this.api.close();
    this.#serving = serving;
    this.api = this.#client();
    return this.api;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.api.close();
    await this.child.stop();
    this.folder.remove();
  }

  #client(): ApiClient {
    return clientOf(this);
  }
}

/** An operator's client; without a token anybody's. */
export function clientOf(on: {
  readonly ports: Ports;
  readonly rootPem: string;
  readonly token?: string;
}): ApiClient {
  const baseUrl = `https://localhost:${on.ports.operators}`;
  const options = { baseUrl, ca: on.rootPem };
  return createApiClient(on.token === undefined ? options : { ...options, token: on.token });
}

export async function initialiseInChild(
  settings: object,
): Promise<{ readonly setupToken: string; readonly rootPem: string }> {
  const { code, stdout, stderr } = await startStep('init', settings).outcome;
  if (code !== 0) throw new Error(`init ended with ${code}: ${stderr}`);
  return JSON.parse(stdout.toString()) as { readonly setupToken: string; readonly rootPem: string };
}

/** Spends the setup token; resolves to the operator's bearer token. */
export async function setUp(on: {
  readonly ports: Ports;
  readonly rootPem: string;
  readonly setupToken: string;
}): Promise<string> {
  const anybody = clientOf({ ports: on.ports, rootPem: on.rootPem });
  try {
    const body = { setupToken: on.setupToken, operatorName: 'ada' };
    return (await anybody.call(completeSetup, { body })).token.secret;
  } finally {
    anybody.close();
  }
}
