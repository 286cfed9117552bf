import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type DeviceAnswer, type DeviceRoute, jsonAnswer } from '../device-route.ts';
import { HttpError, type RawRequestHead, type RawRoute } from '../http/index.ts';
import type { Admission, Admit } from './admission.ts';
import type { Authorizer } from './authorizer.ts';

interface DeviceRouteParts {
  readonly admit: Admit;
  readonly authorizer: Pick<Authorizer, 'mayAsk' | 'mayStillAsk'>;
}

type Admitted = Extract<Admission, { readonly kind: 'admitted' }>;

// What curl and the SDKs of AWS IoT send: of the body only the bytes count.
const mediaTypes = ['application/json', 'application/octet-stream', 'application/x-www-form-urlencoded', ''];

/**
 * Routes of domains on the devices' listener: each request is decided by the policies as they stand now, before its body is read, and
 * once more when it is there: a body may take as long as `httpLimits` lets it.
 */
export function decidedRoutes(routes: readonly DeviceRoute[], parts: DeviceRouteParts): readonly RawRoute[] {
  return routes.map((route) => ({
    method: route.method,
    path: route.path,
    mediaTypes: route.bodyBytesMax === 0 ? [] : mediaTypes,
    bodyBytesMax: route.bodyBytesMax,
    refuse: (request) => refusalOf(route, request, parts),
    handle: async (request) => {
      const { params, query, body } = request;
      const { certificateId } = admittedOn(request.socket, parts.admit);
      const mayStillAsk =
        body.length === 0 || isAllowed(route, request, { ...parts, question: 'mayStillAsk' });
      return mayStillAsk ? route.handle({ params, query, body, certificateId }) : forbidden();
    },
  }));
}

function refusalOf(
  route: DeviceRoute,
  request: RawRequestHead,
  parts: DeviceRouteParts,
): DeviceAnswer | undefined {
  return isAllowed(route, request, { ...parts, question: 'mayAsk' }) ? undefined : forbidden();
}

function isAllowed(
  { action, nameOf }: DeviceRoute,
  request: RawRequestHead,
  {
    admit,
    authorizer,
    question,
  }: DeviceRouteParts & { readonly question: keyof DeviceRouteParts['authorizer'] },
): boolean {
  const { certificateId, certificate } = admittedOn(request.socket, admit);
  const claim = { certificateId, certificate, remoteAddress: request.remoteAddress };
  return authorizer[question](claim, { action, name: nameOf(request) });
}

function forbidden(): DeviceAnswer {
  return jsonAnswer(403, { code: 403, message: 'Forbidden' }, 'ForbiddenException');
}

/** The registry may have changed since the handshake, and while the body came. */
export function admittedOn(socket: Socket, admit: Admit): Admitted {
  const admission = admit((socket as TLSSocket).getPeerX509Certificate()?.raw);
  if (admission.kind === 'admitted') return admission;
  throw new HttpError('http.unauthenticated', 'a client certificate of this platform is needed');
}
