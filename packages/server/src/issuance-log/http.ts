import { parseCertificateId, toBase64, toHex } from '@fleetward/core';
import {
  getIssuanceLogConsistency,
  getIssuanceLogHead,
  getIssuanceLogInclusion,
  getOwnInclusion,
  listIssuanceLogEntries,
} from '@fleetward/protocol';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { InclusionProof, IssuanceLog } from './service.ts';

/** What was issued before a request is in its answer: each enters first what waits. */
export function issuanceLogHandlers(log: IssuanceLog): readonly RouteHandler[] {
  return [
    handle(getIssuanceLogHead, async () => {
      const head = await log.sequence();
      const { count } = await log.waiting();
      return { head, algorithm: 'ed25519' as const, publicKey: toBase64(log.publicKey), waiting: count };
    }),
    handle(listIssuanceLogEntries, async ({ query }) => ({
      entries: [...(await log.entries({ from: query.from ?? 0, limit: query.limit ?? 1_000 }))],
    })),
    handle(getIssuanceLogInclusion, async ({ params, query }) => {
      await log.sequence();
      return inclusionView(await log.inclusion(parseCertificateId(params.certificateId), query.size));
    }),
    handle(getIssuanceLogConsistency, async ({ query }) => {
      const { path, head } = await log.consistency(query.size);
      return { path: path.map(toHex), head };
    }),
  ];
}

/** A device asks for the proof of the certificate it speaks with, and of no other. */
export function issuanceLogDeviceHandlers(log: IssuanceLog): readonly RouteHandler[] {
  return [
    handle(getOwnInclusion, async ({ caller, query }) => {
      if (caller.kind !== 'device') throw new TypeError('the device listener let a stranger through');
      await log.sequence();
      const proof = inclusionView(await log.inclusion(caller.certificateId, query.size));
      return { ...proof, publicKey: toBase64(log.publicKey) };
    }),
  ];
}

function inclusionView({ entry, path, head, consistency }: InclusionProof) {
  const view = { entry, path: path.map(toHex), head };
  return consistency === undefined ? view : { ...view, consistency: consistency.map(toHex) };
}
