import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Clock, parseThingName, type ThingName } from '@fleetward/core';
import type { DdiPeer, TargetTokens } from '../../ddi/index.ts';
import type { Denials } from '../../denials/index.ts';
import { HttpError, type RawRequestHead } from '../../http/index.ts';
import type { Things } from '../../things/index.ts';
import { TokenBuckets } from '../../token-buckets.ts';
import type { Admission, Admit } from '../admission.ts';

export interface DdiAuthenticationParts {
  readonly things: Pick<Things, 'attachmentsOf'>;
  readonly targetTokens: Pick<TargetTokens, 'judge'>;
  readonly admit: Admit;
  readonly denials: Pick<Denials, 'record'>;
  readonly clock: Clock;
  /** The one tenant that there is. */
  readonly tenant: string;
  /** Of one thing by its target token; those of a certificate are counted by the listener. */
  readonly tokenRequestsPerSecondMax: number;
}

export type AuthenticateDdi = (request: RawRequestHead) => Promise<DdiPeer>;

/** Tells who asks, decided anew for each request: the registry may have changed since the handshake. Throws `HttpError`. */
export function createDdiAuthentication(parts: DdiAuthenticationParts): AuthenticateDdi {
  const { admit, tenant, clock, tokenRequestsPerSecondMax: perSecondMax } = parts;
  const rate = new TokenBuckets({ clock, perSecondMax });
  return async (request) => {
    const admission = admissionOf(request.socket, admit);
    const who =
      admission.kind === 'anonymous'
        ? await byToken(request, { ...parts, rate })
        : byCertificate(request, admission, parts);
    if (request.params.tenant !== tenant)
      throw forbidden(`the tenant of this platform is \`${tenant}\` (setting \`ddi.tenant\`)`);
    return { ...who, base: baseOf(request.headers.host, { tenant, thingName: who.thingName }) };
  };
}

function admissionOf(socket: Socket, admit: Admit): Admission {
  return admit((socket as TLSSocket).getPeerX509Certificate()?.raw);
}

/** A certificate asks for the things that it speaks for and for no other, whatever token comes with it. */
function byCertificate(
  { params }: RawRequestHead,
  admission: Exclude<Admission, { readonly kind: 'anonymous' }>,
  { things }: Pick<DdiAuthenticationParts, 'things'>,
): Omit<DdiPeer, 'base'> {
  if (admission.kind !== 'admitted') throw unauthenticated(admission.explanation);
  const { certificateId } = admission;
  const attached = things
    .attachmentsOf(certificateId)
    .find(({ thingName }) => thingName === params.controllerId);
  if (attached !== undefined) return { thingName: attached.thingName, certificateId };
  throw forbidden('the client certificate does not speak for the controller that the path names');
}

/** `Authorization: TargetToken SECRET`. */
async function byToken(
  { headers, params }: RawRequestHead,
  {
    targetTokens,
    rate,
    clock,
  }: Pick<DdiAuthenticationParts, 'targetTokens' | 'clock'> & { readonly rate: TokenBuckets },
): Promise<Omit<DdiPeer, 'base'>> {
  const secret = /^TargetToken ([A-Za-z0-9_-]{1,256})$/i.exec(headers.authorization ?? '')?.[1];
  if (secret === undefined)
    throw unauthenticated('a client certificate of this platform is needed, or a target token');
  const name = params.controllerId ?? '';
  if (!/^[a-zA-Z0-9:_-]{1,128}$/.test(name)) throw unknownTo('the path names no thing');
  const thingName = parseThingName(name);
  const judge = async () => {
    const verdict = await targetTokens.judge(thingName, secret);
    if (verdict.kind === 'refused') throw unknownTo(`thing \`${thingName}\`: ${verdict.explanation}`);
  };
  await judge();
  const turn = rate.take(thingName);
  if (turn.kind === 'taken') return { thingName, judgeAgain: atMostEachSecond(judge, clock) };
  const { retryAfterSeconds } = turn;
  const message = `too many requests by this target token: try again in ${retryAfterSeconds} s`;
  throw new HttpError('http.too_many_requests', message, { details: { retryAfterSeconds } });
}

function atMostEachSecond(work: () => Promise<void>, clock: Clock): () => Promise<void> {
  let doneAtMs = clock.now();
  return async () => {
    if (Math.abs(clock.now() - doneAtMs) < 1_000) return;
    doneAtMs = clock.now();
    await work();
  };
}

/** As the device reached it: the platform may stand behind another name and port. */
function baseOf(
  host: string | undefined,
  { tenant, thingName }: { readonly tenant: string; readonly thingName: ThingName },
): string {
  if (host !== undefined && /^[a-zA-Z0-9._:[\]-]{1,300}$/.test(host))
    return `https://${host}/${tenant}/controller/v1/${thingName}`;
  throw new HttpError('http.bad_request', 'the Host header is no host and port');
}

function unauthenticated(message: string): HttpError {
  return new HttpError('http.unauthenticated', message);
}

/** Why a token is not taken is for the operator alone: a stranger must not learn which things there are. */
function unknownTo(why: string): HttpError {
  return new HttpError('http.unauthenticated', 'the target token is not good', { cause: new Error(why) });
}

function forbidden(message: string): HttpError {
  return new HttpError('http.forbidden', message);
}
