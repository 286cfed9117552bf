import type { TLSSocket } from 'node:tls';
import { parseThingName } from '@fleetward/core';
import type { DdiPeer } from '../../ddi/index.ts';
import type { Denials } from '../../denials/index.ts';
import { HttpError, type RawRequestHead } from '../../http/index.ts';
import type { Things } from '../../things/index.ts';
import type { Admit } from '../admission.ts';

export interface DdiAuthenticationParts {
  readonly things: Pick<Things, 'attachmentsOf' | 'known'>;
  readonly admit: Admit;
  readonly denials: Pick<Denials, 'record'>;
  /** The one tenant that there is. */
  readonly tenant: string;
}

/**
 * Who asks, decided anew for each request: the registry may have changed since the handshake. A certificate asks for the things that
 * it speaks for and for no other. Throws `HttpError`.
 */
export function createDdiAuthentication({
  things,
  admit,
  tenant,
}: DdiAuthenticationParts): (request: RawRequestHead) => Promise<DdiPeer> {
  return async ({ socket, params, headers }) => {
    const admission = admit((socket as TLSSocket).getPeerX509Certificate()?.raw);
    if (admission.kind !== 'admitted')
      throw unauthenticated(
        'explanation' in admission
          ? admission.explanation
          : 'a client certificate of this platform is needed',
      );
    const { certificateId } = admission;
    const asked = params.controllerId ?? '';
    const attached = things.attachmentsOf(certificateId).find(({ thingName }) => thingName === asked);
    if (attached === undefined)
      throw forbidden('the client certificate does not speak for the controller that the path names');
    if (params.tenant !== tenant)
      throw forbidden(`the tenant of this platform is \`${tenant}\` (setting \`ddi.tenant\`)`);
    const thingName = parseThingName(asked);
    return { thingName, certificateId, base: baseOf(headers.host, { tenant, thingName }) };
  };
}

/** As the device reached it: the platform may stand behind another name and port. */
function baseOf(
  host: string | undefined,
  { tenant, thingName }: { readonly tenant: string; readonly thingName: string },
): string {
  if (host !== undefined && /^[a-zA-Z0-9._:[\]-]{1,300}$/.test(host))
    return `https://${host}/${tenant}/controller/v1/${thingName}`;
  throw new HttpError('http.bad_request', 'the Host header is no host and port');
}

function unauthenticated(message: string): HttpError {
  return new HttpError('http.unauthenticated', message);
}

function forbidden(message: string): HttpError {
  return new HttpError('http.forbidden', message);
}
