import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openssl } from '@fleetward/testkit';
import mqtt, { type MqttClient } from 'mqtt';
import type { ApiSession } from './api-session.ts';

/** What a connection is made with, PEM. */
export interface Identity {
  readonly key: string;
  readonly cert: string;
}

/** What the platform gave a device that showed its claim. */
export interface Created extends Identity {
  readonly certificateId: string;
  readonly ownershipToken: string;
}

type Answer = Readonly<Record<string, string>> & { readonly kind: 'accepted' | 'rejected' };

export const thingNameOf = (serial: string) => `lamp-${serial}`;

/**
 * A device fresh from the factory. It asks with its claim for an identity of its own over MQTT, as AWS IoT's fleet provisioning has
 * it, keeps what it is told as in its flash, and goes on from there whenever the platform was gone.
 */
export class ClaimDevice {
  readonly serial: string;
  readonly #session: ApiSession;
  readonly #claim: Identity;
  readonly #keyFile: string | undefined;
  #csr = '';
  created: Created | undefined;
  isProvisioned = false;
  /** It spoke with its own certificate. */
  isIn = false;

  /** Without a key of its own it has the platform make one. */
  constructor(session: ApiSession, made: { serial: string; claim: Identity; hasOwnKey: boolean }) {
    this.serial = made.serial;
    this.#session = session;
    this.#claim = made.claim;
    this.#keyFile = made.hasOwnKey ? session.folder.join(`${made.serial}.key`) : undefined;
  }

  /** Asks until it is told a certificate, or the platform is gone. */
  getCertificate(gone: AbortSignal): Promise<void> {
    return this.#persist(gone, async () => {
      this.created ??= await this.#withClaim((client) => this.#create(client));
    });
  }

  /** The whole way: a certificate, the thing, and its own connection. */
  comeIn(gone: AbortSignal): Promise<void> {
    return this.#persist(gone, async () => {
      if (!this.isProvisioned)
        await this.#withClaim(async (client) => {
          this.created ??= await this.#create(client);
          await this.#provision(client, this.created);
        });
      await speak(this.#session, this);
      this.isIn = true;
    });
  }

  async #persist(gone: AbortSignal, work: () => Promise<void>): Promise<void> {
    while (!gone.aborted) {
      try {
        return await work();
      } catch (error) {
        if (error instanceof UnexpectedAnswer) throw error;
      }
      await sleep(20);
    }
  }

  #withClaim<Result>(work: (client: MqttClient) => Promise<Result>): Promise<Result> {
    return connected(this.#session, { ...this.#claim, clientId: `claim-${this.serial}` }, work);
  }

  async #create(client: MqttClient): Promise<Created> {
    if (this.#keyFile === undefined) return createdBy(await ask(client, 'certificates/create', {}));
    if (this.#csr === '') this.#csr = await newCsr(this.#keyFile);
    const request = { certificateSigningRequest: this.#csr };
    const answer = await ask(client, 'certificates/create-from-csr', request);
    return createdBy({ ...answer, privateKey: readFileSync(this.#keyFile, 'utf8') });
  }

  async #provision(client: MqttClient, { ownershipToken }: Created): Promise<void> {
    const answer = await provision(client, { ownershipToken, serial: this.serial });
    if (answer.kind !== 'accepted' || answer.thingName !== thingNameOf(this.serial))
      throw new UnexpectedAnswer(`${this.serial}: provision was answered ${JSON.stringify(answer)}`);
    this.isProvisioned = true;
  }
}

/** With its own certificate a device connects and publishes as its policy lets it. Rejects when it cannot. */
export async function speak(
  session: ApiSession,
  { created, serial }: Pick<ClaimDevice, 'created' | 'serial'>,
): Promise<void> {
  if (created === undefined) throw new Error(`${serial} has no certificate`);
  const thingName = thingNameOf(serial);
  await connected(session, { ...created, clientId: thingName }, (client) =>
    client.publishAsync(`state/${thingName}`, 'on', { qos: 1 }),
  );
}

export function provision(
  client: MqttClient,
  { ownershipToken, serial }: { readonly ownershipToken: string; readonly serial: string },
): Promise<Answer> {
  const parameters = { SerialNumber: serial };
  const request = { certificateOwnershipToken: ownershipToken, parameters };
  return ask(client, 'provisioning-templates/lamps/provision', request);
}

/** What no kill explains. */
class UnexpectedAnswer extends Error {}

/** The platform refused the connection, or it ended before the work on it did. */
export class ConnectionGone extends Error {}

/** Works on a connection that lasts as long as the work. */
export async function connected<Result>(
  { ports, rootPem }: ApiSession,
  { key, cert, clientId }: Identity & { readonly clientId: string },
  work: (client: MqttClient) => Promise<Result>,
): Promise<Result> {
  const options = { ca: rootPem, key, cert, clientId, reconnectPeriod: 0, protocolVersion: 5 } as const;
  const client = mqtt.connect(`mqtts://localhost:${ports.mqtt}`, options);
  const { promise: isGone, reject } = Promise.withResolvers<never>();
  client.on('error', (cause) => reject(new ConnectionGone('failed', { cause })));
  client.on('close', () => reject(new ConnectionGone('closed')));
  const isDone = new Promise((resolve) => client.once('connect', resolve)).then(() => work(client));
  try {
    return await Promise.race([isDone, isGone]);
  } finally {
    isDone.catch(() => undefined);
    await client.endAsync(true);
  }
}

/** Subscribes as AWS's libraries do, asks, and waits for the answer. */
async function ask(client: MqttClient, operation: string, value: object): Promise<Answer> {
  const topic = `$aws/${operation}/json`;
  await client.subscribeAsync([`${topic}/accepted`, `${topic}/rejected`], { qos: 1 });
  const answered = new Promise<Answer>((resolve) => {
    client.once('message', (name, bytes) => {
      const kind = name === `${topic}/accepted` ? 'accepted' : 'rejected';
      resolve({ ...(JSON.parse(bytes.toString()) as Record<string, string>), kind });
    });
  });
  await client.publishAsync(topic, JSON.stringify(value), { qos: 1 });
  return answered;
}

function createdBy(answer: Answer): Created {
  const { kind, certificateId, certificatePem, privateKey, certificateOwnershipToken } = answer;
  if (kind !== 'accepted' || !certificateId || !certificatePem || !privateKey || !certificateOwnershipToken)
    throw new UnexpectedAnswer(`create was answered ${JSON.stringify(answer)}`);
  return { certificateId, cert: certificatePem, key: privateKey, ownershipToken: certificateOwnershipToken };
}

async function newCsr(keyFile: string): Promise<string> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', keyFile];
  return (await openssl(['req', '-new', ...key, '-subj', '/CN=lamp'])).toString();
}
