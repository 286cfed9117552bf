import { type JsonObject, utf8 } from '@fleetward/core';
import { type Ddi, DdiError, type DdiPeer } from '../../ddi/index.ts';
import type { RawAnswer, RawRequest, RawRequestHead, RawRoute } from '../../http/index.ts';
import {
  type AuthenticateDdi,
  createDdiAuthentication,
  type DdiAuthenticationParts,
} from './authentication.ts';
import { recordDdiFailure } from './failures.ts';

const root = '/:tenant/controller/v1/:controllerId';
const json = ['application/json', 'application/hal+json'];

type Operation = (peer: DdiPeer, request: RawRequest) => ReturnType<RawRoute['handle']>;
type Method = RawRoute['method'];

interface DdiRouteParts extends DdiAuthenticationParts {
  readonly ddi: Ddi;
}

/** hawkBit's Direct Device Integration, for clients that are in the field (docs/reference/ddi.md). */
export function ddiRoutes(parts: DdiRouteParts): readonly RawRoute[] {
  const { ddi } = parts;
  const shared = { ...parts, peerOf: createDdiAuthentication(parts) };
  const get = (path: string, operation: Operation) => route(shared, { method: 'GET', path, operation });
  const take = (method: Exclude<Method, 'GET'>, path: string, operation: Operation) =>
    route(shared, { method, path, operation });
  return [
    get('', async (peer) => answer(await ddi.poll(peer))),
    get('/', async (peer) => answer(await ddi.poll(peer))),
    take('PUT', '/configData', async (peer, { body }) => done(ddi.configData(peer, body))),
    get('/deploymentBase/:id', async (peer, request) => {
      const historyMax = Number(request.query.actionHistory ?? 0);
      return answer(await ddi.deployment(peer, { id: idOf(request), historyMax }));
    }),
    take('POST', '/deploymentBase/:id/feedback', async (peer, request) =>
      done(ddi.feedback(peer, { id: idOf(request), body: request.body })),
    ),
    get('/cancelAction/:id', async (peer, request) => answer(await ddi.cancellation(peer, idOf(request)))),
    take('POST', '/cancelAction/:id/feedback', async (peer, request) =>
      done(ddi.cancelled(peer, { id: idOf(request), body: request.body })),
    ),
    get('/installedBase', async (peer) => answer(await ddi.installedBase(peer))),
    take('PUT', '/installedBase', async (peer, { body }) => done(ddi.setInstalledBase(peer, body))),
    get('/installedBase/:id', async (peer, request) =>
      answer(await ddi.installedDeployment(peer, idOf(request))),
    ),
    get('/confirmationBase', async (peer) => answer(await ddi.confirmationBase(peer))),
    get('/confirmationBase/:id', async (peer, request) =>
      answer(await ddi.confirmation(peer, idOf(request))),
    ),
    take('POST', '/confirmationBase/:id/feedback', async (peer, request) =>
      done(ddi.confirm(peer, { id: idOf(request), body: request.body })),
    ),
    take('POST', '/confirmationBase/activateAutoConfirm', async (peer) =>
      done(ddi.setAutoConfirm(peer, true)),
    ),
    take('POST', '/confirmationBase/deactivateAutoConfirm', async (peer) =>
      done(ddi.setAutoConfirm(peer, false)),
    ),
    get('/softwaremodules/:id/artifacts', async (peer, request) =>
      answer(await ddi.artifacts(peer, idOf(request))),
    ),
    get('/softwaremodules/:id/artifacts/:file', async (peer, request) => {
      const { signal, params } = request;
      const found = await ddi.artifact(peer, { id: idOf(request), file: params.file ?? '', signal });
      return 'open' in found ? found : text(found.text);
    }),
  ];
}

function route(
  parts: DdiRouteParts & { readonly peerOf: AuthenticateDdi },
  {
    method,
    path,
    operation,
  }: { readonly method: Method; readonly path: string; readonly operation: Operation },
): RawRoute {
  const { peerOf } = parts;
  return {
    method,
    path: `${root}${path}`,
    mediaTypes: method === 'GET' ? [] : json,
    bodyBytesMax: parts.ddi.settings.bodyBytesMax,
    // Before a byte of the body is read.
    refuse: async (request) => void (await peerOf(request)),
    failed: (failure, request) => recordDdiFailure(parts, { failure, request }),
    handle: async (request) => operation(await peerOf(request), request),
  };
}

/** Numbers of actions, which clients also send as text. Throws `ddi.not_found`. */
function idOf({ params: { id = '' } }: RawRequestHead): number {
  if (/^[1-9][0-9]{0,14}$/.test(id)) return Number(id);
  throw new DdiError('ddi.not_found', 'the number of an action has 1 to 15 digits');
}

function answer(value: JsonObject | readonly JsonObject[]): RawAnswer {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: utf8(JSON.stringify(value)) };
}

async function done(work: Promise<void>): Promise<RawAnswer> {
  await work;
  return { status: 200, headers: {}, body: new Uint8Array() };
}

function text(value: string): RawAnswer {
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: utf8(value) };
}
