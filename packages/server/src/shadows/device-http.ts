import {
  type DeviceAnswer,
  type DeviceRequest,
  type DeviceRequestHead,
  type DeviceRoute,
  jsonAnswer,
} from '../device-route.ts';
import type { ShadowKey } from './document.ts';
import { keyOf } from './key.ts';
import { readUpdate } from './read-update.ts';
import type { Rejection } from './rejections.ts';
import type { ShadowAnswer, Shadows } from './service.ts';

const pageSizeMax = 100;

/** Names of AWS IoT's errors, by status. */
const errorTypes: Readonly<Record<Rejection['code'], string>> = {
  400: 'InvalidRequestException',
  404: 'ResourceNotFoundException',
  409: 'ConflictException',
  413: 'RequestEntityTooLargeException',
  415: 'UnsupportedDocumentEncodingException',
  429: 'ThrottlingException',
  500: 'InternalFailureException',
};

type Answer = (key: ShadowKey, request: DeviceRequest) => Promise<ShadowAnswer>;

/** Shadows over HTTPS, as AWS IoT's data endpoint has them. */
export function shadowDeviceRoutes(shadows: Shadows, nowMs: () => number): readonly DeviceRoute[] {
  const seconds = (): number => Math.floor(nowMs() / 1_000);
  const route = (
    { method, action }: Pick<DeviceRoute, 'method' | 'action'>,
    answer: Answer,
  ): DeviceRoute => ({
    method,
    path: '/things/:thingName/shadow',
    action,
    nameOf,
    bodyBytesMax: method === 'POST' ? shadows.payloadBytesMax : 0,
    handle: async (request) => {
      const key = keyOf(namesIn(request));
      const answered = key.kind === 'rejected' ? key : await answer(key, request);
      return answered.kind === 'rejected' ? failure(answered, seconds()) : jsonAnswer(200, answered.view);
    },
  });
  return [
    route({ method: 'GET', action: 'iot:GetThingShadow' }, (key) => shadows.get(key)),
    route({ method: 'POST', action: 'iot:UpdateThingShadow' }, async (key, { body }) => {
      const request = readUpdate(body, shadows.payloadBytesMax);
      return request.kind === 'rejected' ? request : shadows.update(key, request);
    }),
    route({ method: 'DELETE', action: 'iot:DeleteThingShadow' }, (key) => shadows.delete(key)),
    {
      method: 'GET',
      path: '/api/things/shadow/ListNamedShadowsForThing/:thingName',
      action: 'iot:ListNamedShadowsForThing',
      nameOf: ({ params }) => params.thingName ?? '',
      bodyBytesMax: 0,
      handle: (request) => listNamed(shadows, request, seconds()),
    },
  ];
}

/** `thing/NAME` for the classic shadow and `thing/NAME/SHADOW` for a named one. */
function nameOf(head: DeviceRequestHead): string {
  const { thingName, shadowName } = namesIn(head);
  return shadowName === '' ? thingName : `${thingName}/${shadowName}`;
}

/** A name that is given twice is none that could be one. */
function namesIn({ params, query }: DeviceRequestHead) {
  const { thingName = '' } = params;
  return { thingName, shadowName: query.name === undefined ? '' : String(query.name) };
}

async function listNamed(
  shadows: Shadows,
  { params, query }: DeviceRequest,
  timestamp: number,
): Promise<DeviceAnswer> {
  const key = keyOf({ thingName: params.thingName ?? '', shadowName: '' });
  if (key.kind === 'rejected') return failure(key, timestamp);
  const { nextToken = '', pageSize = '' } = query;
  const limit = pageSize === '' ? pageSizeMax : Number(pageSize);
  if (!Number.isInteger(limit) || limit < 1 || limit > pageSizeMax)
    return failure(
      { kind: 'rejected', code: 400, message: `pageSize is from 1 to ${pageSizeMax}` },
      timestamp,
    );
  // The classic one has an empty name, so that it is before every page.
  const page = await shadows.list(key.thingName, { after: String(nextToken), limit: limit + 1 });
  const results = page.slice(0, limit).map(({ shadowName }) => shadowName);
  const next = page.length > limit ? { nextToken: results.at(-1) } : {};
  return jsonAnswer(200, { results, ...next, timestamp });
}

function failure({ code, message, clientToken }: Rejection, timestamp: number): DeviceAnswer {
  const token = clientToken === undefined ? {} : { clientToken };
  return jsonAnswer(code, { code, message, timestamp, ...token }, errorTypes[code]);
}
