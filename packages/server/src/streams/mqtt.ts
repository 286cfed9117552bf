import { type JsonObject, parseThingName, toBase64, utf8 } from '@fleetward/core';
import { type CborValue, encodeCbor, streamsFilter } from '@fleetward/protocol';
import type { ReservedAnswer, ReservedFault, ReservedRequest, ReservedTopic } from '../reserved-topic.ts';
import {
  readDescribe,
  readGet,
  requestBytesMax,
  type StreamErrorCode,
  type StreamForm,
  StreamRefusal,
} from './request.ts';
import { type StreamPeer, type Streams, streamFileId, streamVersion } from './service.ts';

/** File blocks as AWS IoT sends them, on `$aws/things/THING/streams/STREAM/…`. */
export function streamTopics(streams: Streams): readonly ReservedTopic[] {
  return [
    {
      service: 'streams',
      filter: streamsFilter,
      answersTo: 'asker',
      payloadBytesMax: requestBytesMax,
      answer: async (request) => {
        try {
          return await answer(streams, request);
        } catch (error) {
          if (!(error instanceof StreamRefusal)) throw error;
          return rejected(request, error);
        }
      },
      rejected: (request, fault) => rejected(request, new StreamRefusal(...faults[fault])),
    },
  ];
}

const faults: Readonly<Record<ReservedFault, readonly [StreamErrorCode, string]>> = {
  throttled: ['RequestThrottled', 'too many requests; try again'],
  'too-large': ['InvalidRequest', `a request has at most ${requestBytesMax} bytes`],
  failed: ['InternalError', 'the platform failed'],
};

/** A description is one message, and each block is one. Throws `StreamRefusal`. */
async function answer(streams: Streams, request: ReservedRequest): Promise<readonly ReservedAnswer[]> {
  const form = formOf(request);
  const peer = peerOf(request);
  switch (request.topic.split('/')[5]) {
    case 'describe': {
      const clientToken = readDescribe(request.payload, form);
      const { lengthBytes, release } = await withToken(clientToken, async () => streams.describe(peer));
      const token = tokenMember(clientToken);
      const d = `${release.product} ${release.version}`;
      return [
        told(request, 'description', {
          ...token,
          s: streamVersion,
          d,
          r: [{ f: streamFileId, z: lengthBytes }],
        }),
      ];
    }
    case 'get': {
      const asked = readGet(request.payload, form);
      const { clientToken, blockBytes: l } = asked;
      const blocks = await withToken(clientToken, () => streams.get(peer, asked));
      return blocks.map(({ number: i, bytes }) => {
        const p = form === 'json' ? toBase64(bytes) : bytes;
        return told(request, 'data', { ...tokenMember(clientToken), f: streamFileId, l, i, p });
      });
    }
    default:
      throw new StreamRefusal('InvalidTopic', 'no operation of streams has this topic');
  }
}

async function withToken<Result>(
  clientToken: string | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof StreamRefusal ? new StreamRefusal(error.code, error.message, clientToken) : error;
  }
}

function peerOf({ topic, certificateId, clientId, remoteAddress }: ReservedRequest): StreamPeer {
  const [, , thing = '', , streamId = ''] = topic.split('/');
  if (!/^[a-zA-Z0-9:_-]{1,128}$/.test(thing))
    throw new StreamRefusal('ResourceNotFound', 'there is no such stream');
  const thingName = parseThingName(thing);
  return {
    thingName,
    streamId,
    denied: { certificateId, clientId, remoteAddress, thingName, resource: topic },
  };
}

/** Throws `StreamRefusal`. */
function formOf({ topic }: ReservedRequest): StreamForm {
  const form = topic.split('/')[6];
  if (form === 'json' || form === 'cbor') return form;
  throw new StreamRefusal('InvalidTopic', 'the last level is json or cbor');
}

function rejected(request: ReservedRequest, { code, message, clientToken }: StreamRefusal): ReservedAnswer {
  return {
    ...told(request, 'rejected', { o: code, m: message, ...tokenMember(clientToken) }),
    kind: 'rejected',
  };
}

function told(
  { topic }: ReservedRequest,
  what: 'description' | 'data' | 'rejected',
  value: Readonly<Record<string, CborValue>>,
): ReservedAnswer {
  const levels = topic.split('/');
  const form = levels[6] === 'cbor' ? 'cbor' : 'json';
  const payload = form === 'cbor' ? encodeCbor(value) : utf8(JSON.stringify(value));
  return { kind: 'accepted', topic: [...levels.slice(0, 5), what, form].join('/'), payload };
}

function tokenMember(clientToken: string | undefined): JsonObject {
  return clientToken === undefined ? {} : { c: clientToken };
}
