import type { Clock, Random } from '@fleetward/core';
import { type Broker, isTopicName, NO_PROPERTIES, type PublishedMessage } from '@fleetward/mqtt';
import type { PolicyAction } from '@fleetward/policy';
import type { Config } from '../config.ts';
import type { DenialCause, Denials } from '../denials/index.ts';
import { type DeviceAnswer, jsonAnswer } from '../device-route.ts';
import { anyMediaType, type RawRequest, type RawRequestHead, type RawRoute } from '../http/index.ts';
import type { Admit } from './admission.ts';
import type { Authorizer } from './authorizer.ts';
import { admittedOn } from './device-routes.ts';
import { PublishRate } from './publish-rate.ts';

interface PublishRouteParts {
  readonly admit: Admit;
  readonly authorizer: Pick<Authorizer, 'mayAsk' | 'mayStillAsk' | 'ownerOf'>;
  readonly submit: Broker<unknown>['submit'];
  readonly denials: Pick<Denials, 'record'>;
  readonly limits: Config['mqttLimits'];
  readonly clock: Clock;
  readonly random: Random;
}

type Asked = Pick<PublishedMessage, 'topic' | 'qos' | 'retain'>;

/** Names of AWS IoT's errors, by status. */
const errorTypes = {
  400: 'InvalidRequestException',
  403: 'ForbiddenException',
  413: 'RequestEntityTooLargeException',
  429: 'ThrottlingException',
  500: 'InternalFailureException',
} as const;

// Of a PUBLISH around topic and payload: fixed header, two lengths or identifiers of two bytes, and no properties.
const headerBytes = 10;

const tooLarge = 'The payload exceeds the maximum size allowed';

/** Devices publish by `POST /topics/TOPIC?qos=0|1&retain=true`, as over AWS IoT's data endpoint. */
export function publishRoute(parts: PublishRouteParts): RawRoute {
  const publishing = new PublishHttp(parts);
  return {
    method: 'POST',
    path: '/topics/*',
    mediaTypes: [anyMediaType],
    bodyBytesMax: parts.limits.packetBytesMax,
    refuse: (request) => publishing.refuse(request),
    handle: (request) => publishing.handle(request),
  };
}

class PublishHttp {
  readonly #parts: PublishRouteParts;
  readonly #rate: PublishRate;

  constructor(parts: PublishRouteParts) {
    this.#parts = parts;
    this.#rate = new PublishRate(parts);
  }

  /** By its head alone; what the policies allow is counted here. */
  refuse(request: RawRequestHead): DeviceAnswer | undefined {
    const asked = askedBy(request);
    if (typeof asked === 'string') return this.#failure(400, asked);
    if (!this.#mayPublish(request, asked, 'mayAsk')) return this.#failure(403, 'Forbidden');
    if (asked.topic.startsWith('$')) return this.#refuseReserved(request, asked);
    if (!this.#isWithin(asked.topic))
      return this.#failure(400, 'The topic is too long or has too many levels');
    if (this.#isTooLarge(asked.topic, Number(request.headers['content-length'] ?? 0)))
      return this.#failure(413, tooLarge);
    const reached = this.#rate.take(this.#certificateId(request));
    if (reached === undefined) return undefined;
    if (reached.isFirst) this.#recordLimit(request, `mqttLimits.${reached.limit}`);
    return this.#failure(429, 'Rate exceeded');
  }

  /** The registry and the policies may have changed while the body came. */
  async handle(request: RawRequest): Promise<DeviceAnswer> {
    const asked = askedBy(request);
    if (typeof asked === 'string') return this.#failure(400, asked);
    if (!this.#mayPublish(request, asked, 'mayStillAsk')) return this.#failure(403, 'Forbidden');
    const { body: payload } = request;
    if (this.#isTooLarge(asked.topic, payload.length)) return this.#failure(413, tooLarge);
    const certificateId = this.#certificateId(request);
    const owner = this.#parts.authorizer.ownerOf({
      thingName: undefined,
      claim: { certificateId, clientId: '' },
    });
    const outcome = await this.#parts.submit({ ...asked, payload, properties: NO_PROPERTIES, owner });
    if (outcome.kind === 'unavailable') return this.#failure(500, 'Internal failure');
    if (outcome.kind === 'refused') {
      this.#recordLimit(request, outcome.limit === 'disk' ? undefined : `mqttLimits.${outcome.limit}`);
      return this.#failure(429, 'There is no room to keep the message');
    }
    this.#rate.charge(certificateId, { copies: outcome.copies, payloadBytes: payload.length });
    return jsonAnswer(200, { message: 'OK', traceId: this.#traceId() });
  }

  #certificateId(request: RawRequestHead) {
    return admittedOn(request.socket, this.#parts.admit).certificateId;
  }

  #mayPublish(request: RawRequestHead, { topic: name, retain }: Asked, question: 'mayAsk' | 'mayStillAsk') {
    const { admit, authorizer } = this.#parts;
    const { certificateId, certificate } = admittedOn(request.socket, admit);
    const claim = { certificateId, certificate, remoteAddress: request.remoteAddress };
    const actions: readonly PolicyAction[] = retain ? ['iot:Publish', 'iot:RetainPublish'] : ['iot:Publish'];
    return actions.every((action) => authorizer[question](claim, { action, name }));
  }

  /** The platform answers on a connection, and there is none: shadows and jobs have requests of their own. */
  #refuseReserved(request: RawRequestHead, { topic }: Asked): DeviceAnswer {
    this.#record(request, {
      cause: 'publish_denied',
      action: 'iot:Publish',
      resource: topic,
      explanation: 'the policy allows it, but nobody publishes on reserved topics over HTTPS',
    });
    return this.#failure(403, 'Forbidden');
  }

  #isWithin(topic: string): boolean {
    const { topicBytesMax, topicLevelsMax } = this.#parts.limits;
    return Buffer.byteLength(topic) <= topicBytesMax && topic.split('/').length <= topicLevelsMax;
  }

  #isTooLarge(topic: string, payloadBytes: number): boolean {
    return headerBytes + Buffer.byteLength(topic) + payloadBytes > this.#parts.limits.packetBytesMax;
  }

  /** Without a setting it is the disk of `messages.db` that is full. */
  #recordLimit(request: RawRequestHead, setting: string | undefined): void {
    const why =
      setting === undefined ? 'the disk of `messages.db` is full' : `the setting \`${setting}\` was reached`;
    this.#record(request, { cause: 'limit', explanation: `devices: publish over HTTPS: ${why}` });
  }

  #record(
    request: RawRequestHead,
    what: {
      readonly cause: DenialCause;
      readonly explanation: string;
      readonly action?: PolicyAction;
      readonly resource?: string;
    },
  ): void {
    const { remoteAddress } = request;
    this.#parts.denials.record({ certificateId: this.#certificateId(request), remoteAddress, ...what });
  }

  #failure(status: keyof typeof errorTypes, message: string): DeviceAnswer {
    return jsonAnswer(status, { message, traceId: this.#traceId() }, errorTypes[status]);
  }

  #traceId(): string {
    const hex = Buffer.from(this.#parts.random.bytes(16)).toString('hex');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }
}

/** What the path and the query ask for, or what is wrong with it: what is not understood is refused, not left out. */
function askedBy({ params, query, headers }: RawRequestHead): Asked | string {
  const topic = params['*'] ?? '';
  const { qos = '0', retain = 'false', ...others } = query;
  const unknown = [
    ...Object.keys(others),
    ...Object.keys(headers).filter((name) => name.startsWith('x-amz-mqtt5-')),
  ][0];
  if (unknown !== undefined) return `\`${unknown}\` is not supported`;
  if (qos !== '0' && qos !== '1') return 'qos is 0 or 1';
  if (retain !== 'true' && retain !== 'false') return 'retain is true or false';
  if (!isTopicName(topic)) return 'The topic is empty or has a wildcard';
  return { topic, qos: qos === '1' ? 1 : 0, retain: retain === 'true' };
}
