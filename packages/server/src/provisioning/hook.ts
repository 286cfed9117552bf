import { createHash } from 'node:crypto';
import { lookup } from 'node:dns';
import { request } from 'node:https';
import type { LookupFunction } from 'node:net';
import {
  type CertificateId,
  type Clock,
  InvalidInputError,
  type Json,
  parseStrictJson,
  type Signer,
  utf8,
} from '@fleetward/core';
import { encodePem } from '@fleetward/pki';
import { assertHookUrl, type HookRules, isOwnAddress } from './rules.ts';
import { isObject } from './template/shapes.ts';

export interface HookOptions {
  /** Signs each request, so that a hook can tell it from others'. */
  readonly signer: Signer;
  readonly clock: Clock;
  /** PEM of what a hook's certificate must chain to; undefined: what the runtime trusts. */
  readonly caPem: string | undefined;
  /** How templates are named to hooks. */
  readonly templateArn: (name: string) => string;
  readonly settings: HookRules & {
    readonly hookTimeoutMs: number;
    readonly hookAnswerBytesMax: number;
    readonly hooksInFlightMax: number;
  };
}

/** What a hook is told, as AWS IoT tells a pre-provisioning hook. */
export interface HookQuestion {
  /** The claim that the device showed. */
  readonly claimCertificateId?: CertificateId;
  /** The vendor CA that issued its certificate. */
  readonly caCertificateId?: CertificateId;
  readonly certificateId: CertificateId;
  readonly certificateDer: Uint8Array;
  readonly templateName: string;
  /** Not known at a first connection, which is decided before MQTT. */
  readonly clientId?: string;
  readonly parameters: ReadonlyMap<string, string>;
}

export type HookAnswer =
  | { readonly kind: 'allowed'; readonly overrides: ReadonlyMap<string, string> }
  /** `why` is for the operator. */
  | { readonly kind: 'refused'; readonly why: string };

/** Why an answer is none. */
class Doubt extends Error {}

const components = '("@method" "@target-uri" "content-type" "content-digest")';
const contentType = 'application/json';

/** Asks a pre-provisioning hook. Whatever is not a plain yes in time is a no. */
export class Hook {
  readonly #options: HookOptions;
  #inFlight = 0;

  constructor(options: HookOptions) {
    this.#options = options;
  }

  async ask(url: string, question: HookQuestion): Promise<HookAnswer> {
    const { hooksInFlightMax } = this.#options.settings;
    if (this.#inFlight >= hooksInFlightMax)
      return refused(
        `${hooksInFlightMax} hooks are asked already (setting \`provisioning.hooksInFlightMax\`)`,
      );
    this.#inFlight++;
    try {
      assertHookUrl(url, this.#options.settings); // they may be others than when the template was stored
      return readAnswer(await this.#post(url, utf8(JSON.stringify(this.#body(question)))));
    } catch (error) {
      return refused(error instanceof Error ? error.message : 'it could not be asked');
    } finally {
      this.#inFlight--;
    }
  }

  #body({ certificateDer, templateName, parameters, ...question }: HookQuestion): Json {
    return {
      ...question,
      certificatePem: encodePem('CERTIFICATE', certificateDer),
      templateArn: this.#options.templateArn(templateName),
      parameters: Object.fromEntries(parameters),
    };
  }

  async #post(url: string, body: Uint8Array): Promise<Uint8Array> {
    const { caPem, settings } = this.#options;
    const signal = AbortSignal.timeout(settings.hookTimeoutMs);
    const headers = { ...(await this.#signed(url, body)), 'content-length': String(body.length) };
    const options = {
      method: 'POST',
      headers,
      signal,
      agent: false,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2' as const,
      lookup: settings.hookMayBeLoopback ? undefined : lookupElsewhere,
      ...(caPem === undefined ? {} : { ca: caPem }),
    };
    return new Promise((resolve, reject) => {
      const call = request(url, options, (answer) => {
        collect(answer, settings.hookAnswerBytesMax).then(resolve, (error: unknown) => {
          call.destroy();
          reject(signal.aborted ? tooLate(settings.hookTimeoutMs) : error);
        });
      });
      call.on('error', (error) => reject(signal.aborted ? tooLate(settings.hookTimeoutMs) : error));
      call.end(body);
    });
  }

  /** HTTP Message Signatures (RFC 9421 §2.5) with a digest of the body (RFC 9530). */
  async #signed(url: string, body: Uint8Array): Promise<Readonly<Record<string, string>>> {
    const { signer, clock } = this.#options;
    const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
    const created = Math.floor(clock.now() / 1000);
    const parameters = `${components};created=${created};keyid="${hookKeyId(signer.publicKey)}";alg="ed25519"`;
    const base = [
      '"@method": POST',
      `"@target-uri": ${new URL(url).href}`,
      `"content-type": ${contentType}`,
      `"content-digest": ${digest}`,
      `"@signature-params": ${parameters}`,
    ].join('\n');
    const signature = Buffer.from(await signer.sign(utf8(base))).toString('base64');
    return {
      'content-type': contentType,
      'content-digest': digest,
      'signature-input': `fleetward=${parameters}`,
      signature: `fleetward=:${signature}:`,
    };
  }
}

/** Lower-case hex SHA-256 of the SubjectPublicKeyInfo. */
export function hookKeyId(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex');
}

function refused(why: string): HookAnswer {
  return { kind: 'refused', why: why.slice(0, 512) };
}

function tooLate(timeoutMs: number): Doubt {
  return new Doubt(`no whole answer within ${timeoutMs} ms`);
}

async function collect(
  answer: AsyncIterable<Buffer> & { readonly statusCode?: number | undefined },
  bytesMax: number,
): Promise<Uint8Array> {
  // A redirect is one too: its target was never allowed.
  if (answer.statusCode !== 200) throw new Doubt(`it answered with status ${answer.statusCode}, not 200`);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer) {
    length += chunk.length;
    if (length > bytesMax) throw new Doubt(`its answer has more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Never more or less than `{"allowProvisioning": true, "parameterOverrides": {…}}`, the second only if there are any. */
export function readAnswer(bytes: Uint8Array): HookAnswer {
  const answer = readJson(bytes);
  if (!isObject(answer)) return refused('its answer is no JSON object');
  const { allowProvisioning, parameterOverrides = {}, ...others } = answer;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) return refused(`its answer has a member \`${unknown.slice(0, 64)}\``);
  if (allowProvisioning === false) return refused('it does not allow it');
  if (allowProvisioning !== true)
    return refused('`allowProvisioning` in its answer is neither true nor false');
  if (!isObject(parameterOverrides)) return refused('`parameterOverrides` in its answer is no object');
  const overrides = new Map<string, string>();
  for (const [name, text] of Object.entries(parameterOverrides)) {
    if (typeof text !== 'string' || name.startsWith('AWS::'))
      return refused(`its override of \`${name.slice(0, 64)}\` is no text, or not its to give`);
    overrides.set(name, text);
  }
  return { kind: 'allowed', overrides };
}

function readJson(bytes: Uint8Array): Json {
  try {
    return parseStrictJson(bytes, { bytesMax: bytes.length, depthMax: 4, valuesMax: 1_000 });
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return null;
  }
}

/** A name that the settings allow must not lead to this machine, whoever answers for it. */
export const lookupElsewhere: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, options, (error, address, family) => {
    const addresses = typeof address === 'string' ? [address] : (address ?? []).map((each) => each.address);
    if (error === null && addresses.some(isOwnAddress))
      callback(new Doubt('its name leads to this machine'), '', 0);
    else callback(error, address as string, family);
  });
};
