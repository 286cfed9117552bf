import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { AppError, parseCertificateId, parseThingName } from '@fleetward/core';
import type { Ddi } from '../../ddi/index.ts';
import type { DenialCause } from '../../denials/index.ts';
import type { RawRequestHead } from '../../http/index.ts';
import type { DdiAuthenticationParts } from './authentication.ts';

/** What an operator is told of as something else than a refused request. Faults of ours are in the log. */
const causes: Readonly<Record<string, DenialCause>> = {
  'ddi.invalid': 'protocol_error',
  'ddi.foreign_action': 'foreign_feedback',
  'http.body_too_large': 'limit',
  'http.too_many_requests': 'limit',
  'things.too_many_reports': 'limit',
  'releases.too_many_downloads': 'limit',
  'store.busy': 'limit',
};

/** Lets the operator see why a client was refused: who asked, for which path, and what was wrong. */
export function recordDdiFailure(
  { denials, things, ddi }: Pick<DdiAuthenticationParts, 'denials' | 'things'> & { readonly ddi: Ddi },
  { failure, request }: { readonly failure: unknown; readonly request: RawRequestHead },
): void {
  ddi.counts.refused++;
  const why = failure instanceof AppError ? failure : undefined;
  denials.record({
    cause: causes[why?.code ?? ''] ?? 'request_denied',
    explanation: `devices: DDI: ${wordsOf(why)}`,
    remoteAddress: request.remoteAddress,
    ...principalOf(request, things),
  });
}

/** What a stranger is not told is the cause of what he is. */
function wordsOf(why: AppError | undefined): string {
  if (why === undefined) return 'the request could not be decided on';
  return why.code === 'http.unauthenticated' && why.cause instanceof Error
    ? `${why.message}: ${why.cause.message}`
    : why.message;
}

/** The certificate that was shown; the thing only where the certificate speaks for it. */
function principalOf(
  { socket, params }: RawRequestHead,
  things: DdiAuthenticationParts['things'],
): { readonly certificateId?: ReturnType<typeof parseCertificateId> } {
  const der = (socket as TLSSocket).getPeerX509Certificate()?.raw;
  if (der === undefined) return {};
  const certificateId = parseCertificateId(createHash('sha256').update(der).digest('hex'));
  const asked = things
    .attachmentsOf(certificateId)
    .find(({ thingName }) => thingName === params.controllerId);
  return { certificateId, ...(asked === undefined ? {} : { thingName: parseThingName(asked.thingName) }) };
}
