import { request } from 'node:https';
import { toBase64 } from '@fleetward/core';
import {
  changeCampaign,
  createCampaign,
  getCampaign,
  getThing,
  listCampaignActions,
  listDenials,
  publishMetadata,
  putArtifact,
} from '@fleetward/protocol';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { customOfRecord, customOfRelease, type ReleaseRecord } from '@fleetward/updates';
import { expect } from 'vitest';
import { engineerOf } from '../e2e/release.ts';
import { sha256Of } from '../releases/engineer.ts';

export const patience = { timeout: 60_000, interval: 100 };
const fast = { baseRatePerMinute: 60_000, incrementFactor: 1, maximumPerMinute: 60_000 };

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly json: unknown;
}

interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** A platform, its release engineer, and devices that speak DDI with Node's own client. */
export class DdiFleet {
  readonly platform: TestPlatform;
  readonly #engineer: Awaited<ReturnType<typeof engineerOf>>;
  readonly #files: Record<string, Uint8Array> = {};
  readonly #customs: Record<string, ReturnType<typeof customOfRelease>> = {};
  #version = 1;

  private constructor(platform: TestPlatform, engineer: Awaited<ReturnType<typeof engineerOf>>) {
    this.platform = platform;
    this.#engineer = engineer;
  }

  static async start(settings: object = {}): Promise<DdiFleet> {
    const platform = await startTestPlatform({ settings });
    return new DdiFleet(platform, await engineerOf(platform.api));
  }

  get url(): string {
    return `https://localhost:${this.platform.platform.ports.devices}`;
  }

  /** Publishes the bytes as a release for hardware `rev1` of the product; resolves to its path. `record`: more that it says of itself. */
  async release(
    product: string,
    version: string,
    bytes: Uint8Array,
    record: ReleaseRecord = {},
  ): Promise<string> {
    const { api } = this.platform;
    const path = `${product}/fw ${version}.swu`;
    await api.call(putArtifact, { params: { sha256: sha256Of(bytes) }, body: bytes });
    this.#files[path] = bytes;
    const release = customOfRelease({ product, version, securityVersion: 1, hardware: ['rev1'] });
    this.#customs[path] = { ...release, ...customOfRecord(record) };
    const roots = this.#version === 1 ? { roots: [toBase64(await this.#engineer.root(1))] } : {};
    // A file that is added makes a version of its own.
    this.#version += Object.keys(this.#files).length;
    const targets = toBase64(await this.#engineer.targets(this.#version, this.#files, this.#customs));
    await api.call(publishMetadata, { body: { ...roots, targets } });
    return path;
  }

  /** A campaign of the release over the things with these attributes, which runs; resolves to its id. */
  async campaign(releasePath: string, attributes: Record<string, string> = {}): Promise<string> {
    const body = { releasePath, all: true, attributes, rate: fast };
    const { campaignId } = await this.platform.api.call(createCampaign, { body });
    await this.step(campaignId, 'start');
    return campaignId;
  }

  async step(campaignId: string, event: 'start' | 'pause' | 'resume' | 'cancel'): Promise<void> {
    await this.platform.api.call(changeCampaign, { params: { campaignId }, body: { event } });
  }

  async actions(campaignId: string) {
    return (await this.platform.api.call(listCampaignActions, { params: { campaignId } })).actions;
  }

  async reaches(campaignId: string, state: string): Promise<void> {
    const states = async () => (await this.actions(campaignId)).map((action) => action.state);
    await expect.poll(states, patience).toEqual([state]);
  }

  async ends(campaignId: string): Promise<void> {
    const state = async () => (await this.platform.api.call(getCampaign, { params: { campaignId } })).state;
    await expect.poll(state, patience).toBe('COMPLETED');
  }

  async report(thingName: string): Promise<unknown> {
    return (await this.platform.api.call(getThing, { params: { thingName } })).report?.report;
  }

  /** The newest denial that is kept. */
  async denial() {
    return (await this.platform.api.call(listDenials, { query: { limit: 1 } })).denials[0];
  }

  client(device: DdiDevice): DdiClient {
    return new DdiClient(this, device);
  }
}

/** A certificate, or a target token. */
type DdiDevice =
  | Pick<TestDevice, 'thingName' | 'key' | 'cert'>
  | { readonly thingName: string; readonly token: string };

/** What a client of hawkBit does, with one certificate or token. */
export class DdiClient {
  readonly base: string;
  readonly #fleet: DdiFleet;
  readonly #device: DdiDevice;

  constructor(fleet: DdiFleet, device: DdiDevice) {
    this.#fleet = fleet;
    this.#device = device;
    this.base = `/default/controller/v1/${device.thingName}`;
  }

  /** Any path; one that begins with no slash is under the client's own base. */
  ask(path: string, { method = 'GET', headers = {}, body }: Call = {}): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const device = this.#device;
    const identity = 'key' in device ? { key: device.key, cert: device.cert } : {};
    const shown = 'token' in device ? { authorization: `TargetToken ${device.token}` } : {};
    const { rootPem, platform } = this.#fleet.platform;
    const to = { host: '127.0.0.1', servername: 'localhost', port: platform.ports.devices, ca: rootPem };
    const typed = body === undefined ? headers : { 'content-type': 'application/json', ...headers };
    const full = path.startsWith('/') ? path : `${this.base}${path === '' ? '' : `/${path}`}`;
    const all = { ...shown, host: `localhost:${platform.ports.devices}`, ...typed };
    const call = request({ ...to, ...identity, agent: false, method, path: full, headers: all }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = String(answer.headers['content-type']).includes('json') && method !== 'HEAD';
        const json = isJson ? JSON.parse(text) : undefined;
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, json });
      });
    });
    call.on('error', reject);
    call.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body));
    return promise;
  }

  /** Where a link of the base leads; undefined when it is not there. */
  async link(name: string): Promise<string | undefined> {
    const { json } = await this.ask('');
    const { _links: links } = json as {
      readonly _links: Readonly<Record<string, { readonly href: string }>>;
    };
    const href = links[name]?.href;
    return href === undefined ? undefined : new URL(href).pathname;
  }

  async isLinked(name: string): Promise<string> {
    await expect.poll(() => this.link(name), patience).toBeDefined();
    return (await this.link(name))!;
  }

  say(path: string, execution: string, finished = 'none', details: readonly string[] = []): Promise<Answer> {
    // As SWUpdate has it: fields that hawkBit dropped long ago.
    const body = { id: '', time: '20261127T000000', status: { execution, result: { finished }, details } };
    return this.ask(`${path}/feedback`, { method: 'POST', body });
  }

  configData(data: Readonly<Record<string, unknown>>, mode?: string): Promise<Answer> {
    return this.ask('configData', { method: 'PUT', body: { id: '', ...(mode && { mode }), data } });
  }
}
