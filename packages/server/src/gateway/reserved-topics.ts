import { type Connection, matchesFilter, type ReservedMessage } from '@fleetward/mqtt';
import type { Denials } from '../denials/index.ts';
import type { PlatformMessage, ReservedAnswer, ReservedRequest, ReservedTopic } from '../reserved-topic.ts';
import type { DevicePeer } from './mqtt-gateway.ts';

interface ReservedTopicsOptions {
  readonly topics: readonly ReservedTopic[];
  readonly denials: Denials;
  readonly limits: { readonly requestsPerConnectionMax: number; readonly requestsMax: number };
  readonly publish: (message: PlatformMessage) => void;
  readonly warn: (message: string, error: unknown) => void;
}

type Asker = Connection<DevicePeer>;

interface Answered {
  readonly service: ReservedTopic;
  readonly request: ReservedRequest;
  readonly answer: ReservedAnswer;
}

/** Takes what devices publish on reserved topics to the service that answers there, and the answer to whom it is for. */
export class ReservedTopics {
  readonly #options: ReservedTopicsOptions;
  /** Under way, by service. */
  readonly #ofConnection = new WeakMap<Asker, Map<string, number>>();
  #underWay = 0;

  constructor(options: ReservedTopicsOptions) {
    this.#options = options;
  }

  /** Requests under way. */
  get size(): number {
    return this.#underWay;
  }

  /** False when no service answers on that topic. */
  take(asker: Asker, { topic, payload }: ReservedMessage): boolean {
    const service = this.#options.topics.find(({ filter }) => matchesFilter(filter, topic));
    if (service === undefined) return false;
    const { certificateId } = asker.peer.admission;
    const { remoteAddress } = asker.peer;
    const by = { topic, certificateId, clientId: asker.clientId, remoteAddress };
    const { payloadBytesMax = payload.length } = service;
    if (payload.length > payloadBytesMax) {
      this.#refuseLong(asker, service, { ...by, payload: new Uint8Array() });
      return true;
    }
    // The bytes are the broker's again after this call.
    const request = { ...by, payload: Uint8Array.from(payload) };
    const reached = this.#limitReached(asker, service);
    if (reached === undefined) void this.#serve(asker, service, request);
    else this.#refuse(asker, service, { request, reached });
    return true;
  }

  #refuseLong(asker: Asker, service: ReservedTopic, request: ReservedRequest): void {
    const explanation = `mqtt: a request on \`${request.topic}\` has ${service.payloadBytesMax} bytes at most`;
    this.#record(request, { cause: 'limit', explanation });
    this.#tell(asker, { service, request, answer: service.rejected(request, 'too-large') });
  }

  #limitReached(asker: Asker, { service }: ReservedTopic): string | undefined {
    const { requestsPerConnectionMax, requestsMax } = this.#options.limits;
    const underWay = this.#ofConnection.get(asker)?.get(service) ?? 0;
    if (underWay >= requestsPerConnectionMax) return 'requestsPerConnectionMax';
    return this.#underWay >= requestsMax ? 'requestsMax' : undefined;
  }

  #refuse(
    asker: Asker,
    service: ReservedTopic,
    { request, reached }: { readonly request: ReservedRequest; readonly reached: string },
  ): void {
    const explanation = `mqtt: too many requests under way (setting \`reservedTopics.${reached}\`)`;
    this.#record(request, { cause: 'limit', explanation });
    this.#tell(asker, { service, request, answer: service.rejected(request, 'throttled') });
  }

  async #serve(asker: Asker, service: ReservedTopic, request: ReservedRequest): Promise<void> {
    this.#count(asker, service, 1);
    try {
      const answers = await this.#answer(service, request);
      for (const answer of answers) this.#tell(asker, { service, request, answer });
    } catch (error) {
      this.#options.warn(`mqtt: the answer on \`${request.topic}\` could not be sent`, error);
    } finally {
      this.#count(asker, service, -1);
    }
  }

  async #answer(service: ReservedTopic, request: ReservedRequest): Promise<readonly ReservedAnswer[]> {
    try {
      const answer = await service.answer(request);
      return answer === undefined ? [] : [answer].flat();
    } catch (error) {
      this.#options.warn(`mqtt: a request on \`${request.topic}\` failed`, error);
      return [service.rejected(request, 'failed')];
    }
  }

  #count(asker: Asker, { service }: ReservedTopic, change: 1 | -1): void {
    this.#underWay += change;
    const counts = this.#ofConnection.get(asker) ?? new Map<string, number>();
    this.#ofConnection.set(asker, counts.set(service, (counts.get(service) ?? 0) + change));
  }

  #tell(asker: Asker, { service, request, answer }: Answered): void {
    const { answersTo } = service;
    const { payload } = answer;
    const { topic = `${request.topic}/${answer.kind}` } = answer;
    if (answersTo === 'subscribers') {
      this.#options.publish({ topic, payload });
      return;
    }
    if (asker.sendOwn(topic, payload, { unasked: answersTo === 'asker' }) !== 'unsubscribed') return;
    const explanation = `the platform answered, and the device did not hear it: it is not subscribed to \`${topic}\``;
    this.#record(request, { cause: 'receive_denied', explanation, action: 'iot:Receive', resource: topic });
  }

  #record(
    { certificateId, clientId, remoteAddress }: ReservedRequest,
    what: Pick<Parameters<Denials['record']>[0], 'cause' | 'explanation' | 'action' | 'resource'>,
  ): void {
    this.#options.denials.record({ certificateId, clientId, remoteAddress, ...what });
  }
}
