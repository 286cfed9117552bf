import { once } from 'node:events';
import { jobTopics } from '@fleetward/protocol';
import type { TestDevice, TestPlatform } from '@fleetward/testkit/platform';
import { iotjobs, mqtt5 } from 'aws-iot-device-sdk-v2';
import { connectMqtt5, requestLimits, stopMqtt5 } from '../aws-device-sdk.ts';

const arn = 'arn:aws:iot:REGION:ACCOUNT_ID:';
const own = '$aws/things/${iot:Connection.Thing.ThingName}';

/** What AWS recommends for a device with its OTA libraries: jobs and streams of its own. */
export const boardPolicy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}client/\${iot:Connection.Thing.ThingName}` },
    {
      Effect: 'Allow',
      Action: ['iot:Publish', 'iot:Receive'],
      Resource: [`${arn}topic/${own}/jobs/*`, `${arn}topic/${own}/streams/*`],
    },
    {
      Effect: 'Allow',
      Action: 'iot:Subscribe',
      Resource: [`${arn}topicfilter/${own}/jobs/*`, `${arn}topicfilter/${own}/streams/*`],
    },
  ],
});

/** What a board reads out of a job. */
export interface OtaFile {
  readonly streamName: string;
  readonly fileBytes: number;
  readonly certFile: string;
  readonly signature: Buffer;
}

/** A board that updates itself as AWS's OTA libraries do, over the AWS IoT Device SDK v2: jobs by its client, blocks of streams by messages. */
export class Board {
  readonly thingName: string;
  readonly jobs: iotjobs.IotJobsClientv2;
  readonly #connection: mqtt5.Mqtt5Client;

  private constructor(thingName: string, connection: mqtt5.Mqtt5Client) {
    this.thingName = thingName;
    this.#connection = connection;
    this.jobs = iotjobs.IotJobsClientv2.newFromMqtt5(connection, requestLimits);
  }

  static async connect(platform: TestPlatform, device: TestDevice): Promise<Board> {
    const { thingName } = device;
    return new Board(thingName, await connectMqtt5(platform, { ...device, clientId: thingName }));
  }

  /** The job that a notification brings, or that waits already. */
  async nextJob(): Promise<iotjobs.model.JobExecutionData> {
    const { thingName } = this;
    const changes = this.jobs.createNextJobExecutionChangedStream({ thingName });
    const established = once(changes, 'subscriptionStatus');
    changes.open();
    await established;
    try {
      for (;;) {
        const told = once(changes, 'incomingPublish');
        const { execution } = await this.jobs.startNextPendingJobExecution({ thingName });
        if (execution !== undefined) return execution;
        await told;
      }
    } finally {
      changes.close();
    }
  }

  async say(
    jobId: string,
    status: iotjobs.model.JobStatus,
    statusDetails: Record<string, string>,
  ): Promise<void> {
    await this.jobs.updateJobExecution({ thingName: this.thingName, jobId, status, statusDetails });
  }

  /** The whole image, block by block. */
  async download({ streamName, fileBytes }: OtaFile): Promise<Buffer> {
    const l = 4_096;
    const topic = `${jobTopics(this.thingName).notify.replace(/jobs\/notify$/, 'streams')}/${streamName}`;
    await this.#connection.subscribe({
      subscriptions: [{ topicFilter: `${topic}/data/json`, qos: mqtt5.QoS.AtMostOnce }],
    });
    const blocks: Buffer[] = [];
    while (blocks.length * l < fileBytes) {
      const o = blocks.length;
      const n = Math.min(16, Math.ceil(fileBytes / l) - o);
      const arrived = this.#messages(n);
      const payload = JSON.stringify({ c: 'board', s: 1, f: 0, l, o, n });
      await this.#connection.publish({ topicName: `${topic}/get/json`, qos: mqtt5.QoS.AtLeastOnce, payload });
      for (const { i, p } of await arrived) blocks[i] = Buffer.from(p, 'base64');
    }
    return Buffer.concat(blocks);
  }

  #messages(count: number): Promise<readonly { readonly i: number; readonly p: string }[]> {
    const found: { readonly i: number; readonly p: string }[] = [];
    const { promise, resolve } = Promise.withResolvers<typeof found>();
    const hear = ({ message }: mqtt5.MessageReceivedEvent) => {
      if (!message.topicName.endsWith('/data/json')) return;
      found.push(JSON.parse(Buffer.from(message.payload as ArrayBuffer).toString()));
      if (found.length < count) return;
      this.#connection.off('messageReceived', hear);
      resolve(found);
    };
    this.#connection.on('messageReceived', hear);
    return promise;
  }

  async close(): Promise<void> {
    this.jobs.close();
    await stopMqtt5(this.#connection);
  }
}

/**
 * As the parser of AWS's Jobs library for embedded C takes a document: texts as they stand between their quotes, numbers of 32 bits in
 * digits, and every one of these fields there. `undefined`: it takes none.
 */
export function readOtaDocument(document: unknown): OtaFile | undefined {
  const text = JSON.stringify(document);
  const { afr_ota: ota } = JSON.parse(text) as {
    readonly afr_ota?: { protocols?: string[]; streamname?: string; files?: Record<string, unknown>[] };
  };
  const [file] = ota?.files ?? [];
  const plain = (value: unknown) =>
    typeof value === 'string' && text.includes(`"${value}"`) ? value : undefined;
  const number = (value: unknown) =>
    Number.isInteger(value) && Number(value) < 2 ** 32 ? Number(value) : undefined;
  const streamName = plain(ota?.streamname);
  const fileBytes = number(file?.filesize);
  const certFile = plain(file?.certfile);
  const signature = plain(file?.['sig-sha256-ecdsa']);
  if (ota?.protocols?.[0] !== 'MQTT' || number(file?.fileid) !== 0 || !plain(file?.filepath))
    return undefined;
  // It copies the name into 44 bytes, with a NUL behind it.
  if (streamName === undefined || streamName.length === 0 || streamName.length > 43) return undefined;
  if (fileBytes === undefined || certFile === undefined || signature === undefined) return undefined;
  return { streamName, fileBytes, certFile, signature: Buffer.from(signature, 'base64') };
}
