import {
  type CertificateId,
  type Clock,
  parseCertificateId,
  parseThingName,
  type ThingName,
} from '@fleetward/core';
import { type Certificate, encodePem } from '@fleetward/pki';
import {
  getCertificate,
  listCertificates,
  type Part,
  removeCertificate,
  revokeCertificate,
  setCertificateState,
  unholdCertificate,
} from '@fleetward/protocol';
import type { Activity } from '../activity/index.ts';
import { operatorActor } from '../operator-actor.ts';
import type { Policies } from '../policies/index.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { Things } from '../things/index.ts';
import { caHandlers } from './ca-http.ts';
import { noEffect } from './events.ts';
import type { InForce } from './registry.ts';
import type { RevocationOutcome } from './revoker.ts';
import type { Certificates } from './service.ts';
import { filterOfShown, shownState } from './states.ts';
import { type CertificateFilter, isOnHold, judgesDevice } from './store.ts';

export interface CertificateHandlersOptions {
  readonly certificates: Certificates;
  readonly things: Things;
  readonly policies: Policies;
  readonly activity: Pick<Activity, 'find'>;
  readonly clock: Clock;
  /** After its end a certificate may still be renewed for so long. */
  readonly graceMs: number;
}

export function certificateHandlers(options: CertificateHandlersOptions): readonly RouteHandler[] {
  const { certificates, things, policies } = options;
  return [
    handle(listCertificates, async ({ query }) => {
      const limit = query.limit ?? 100;
      const after = query.after === undefined ? {} : { after: parseCertificateId(query.after) };
      const page = await certificates.page({ ...after, limit, filter: filterOf(query, options) });
      const last = page.at(-1);
      const next = page.length < limit || last === undefined ? {} : { next: last.certificateId };
      const views = page.map((record) => viewOf(record, options));
      // The page is of what the records have: one that is revoked in memory alone is none of another state.
      const shown = views.filter(({ state }) => query.state === undefined || state === query.state);
      return { certificates: shown, ...next };
    }),
    handle(getCertificate, async ({ params }) => {
      const record = await certificates.get(parseCertificateId(params.certificateId));
      return {
        ...viewOf(record, options),
        pem: encodePem('CERTIFICATE', record.der),
        thingNames: things.attachmentsOf(record.certificateId).map(({ thingName }) => thingName),
        policyNames: policies.attachedTo(record.certificateId).map(({ name }) => name),
      };
    }),
    handle(revokeCertificate, async ({ params, body, caller }) => {
      const certificateId = parseCertificateId(params.certificateId);
      const { reason = 'unspecified', wait = true, successors = judgesDevice(reason) } = body;
      const wanted = [{ certificateId, reason }, operatorActor(caller)] as const;
      const done = successors
        ? await certificates.revokeWithSuccessors(...wanted)
        : { outcome: await certificates.revoke(...wanted), successors: new Map<never, never>() };
      const also = [...done.successors].map(([id, outcome]) => revocationView(id, outcome, { wait }));
      return {
        ...(await revocationView(certificateId, done.outcome, { wait })),
        successors: await Promise.all(also),
        otherCertificateIds: others(certificateId, options),
      };
    }),
    handle(removeCertificate, async ({ params, caller }) => {
      await certificates.remove(parseCertificateId(params.certificateId), operatorActor(caller));
      return undefined;
    }),
    handle(unholdCertificate, async ({ params, caller }) => {
      const certificateId = parseCertificateId(params.certificateId);
      const outcome = await certificates.unhold(certificateId, operatorActor(caller));
      const { kind, state } = outcome;
      const crl = outcome.kind === 'lifted' ? await outcome.crl : undefined;
      const number = crl?.kind === 'signed' ? { crlNumber: crl.number } : {};
      return { certificateId, outcome: kind, state, ...number };
    }),
    handle(setCertificateState, async ({ params, body, caller }) => {
      const certificateId = parseCertificateId(params.certificateId);
      const outcome = await certificates.setState({ certificateId, ...body }, operatorActor(caller));
      const effect = outcome.kind === 'changed' ? outcome.effect : noEffect;
      return { certificateId, state: body.state, outcome: outcome.kind, ...effect };
    }),
    ...caHandlers(options),
  ];
}

type Query = NonNullable<Part<(typeof listCertificates)['query']>>;

function filterOf(
  { state, profile, issuerId, thingName, endsWithinMs }: Query,
  { things, clock }: CertificateHandlersOptions,
): CertificateFilter {
  const nowMs = clock.now();
  const within = endsWithinMs === undefined ? {} : { endsFromMs: nowMs, endsBeforeMs: nowMs + endsWithinMs };
  const shown = state === undefined ? {} : filterOfShown(state, nowMs);
  if (state === 'EXPIRED' && endsWithinMs !== undefined) return { certificateIds: [] };
  return {
    ...within,
    ...shown,
    ...(profile === undefined ? {} : { profile }),
    ...(issuerId === undefined ? {} : { issuerId: parseCertificateId(issuerId) }),
    ...(thingName === undefined ? {} : { certificateIds: certificatesOf(parseThingName(thingName), things) }),
  };
}

function certificatesOf(name: ThingName, things: Things): readonly CertificateId[] {
  things.get(name);
  return things.certificatesOf(name).map(({ certificateId }) => certificateId);
}

/** Those of its things that may speak, or again, or be renewed. */
function others(revoked: CertificateId, options: CertificateHandlersOptions) {
  const { things, certificates, clock, graceMs } = options;
  const names = things.attachmentsOf(revoked).map(({ thingName }) => thingName);
  const ids = names.flatMap((name) => things.certificatesOf(name).map(({ certificateId }) => certificateId));
  return [...new Set(ids)].filter((id) => {
    const summary = certificates.summary(id);
    if (id === revoked || summary === undefined || summary.notAfterMs + graceMs < clock.now()) return false;
    return summary.state !== 'REVOKED' || isOnHold(summary);
  });
}

async function revocationView(
  certificateId: Certificate['id'],
  outcome: RevocationOutcome,
  options: { readonly wait: boolean },
) {
  const { kind, revokedAtMs } = outcome;
  const answer = { certificateId, outcome: kind, revokedAtMs };
  if (outcome.kind === 'already-revoked') return { ...answer, steps: [], ...noEffect };
  const { steps, effect } = outcome;
  const crl = options.wait ? await outcome.crl : undefined;
  if (crl?.kind !== 'signed') return { ...answer, steps: [...steps], ...effect };
  const signed = { step: 'crl-signed', atMs: crl.atMs } as const;
  return { ...answer, steps: [...steps, signed], ...effect, crlNumber: crl.number };
}

function viewOf(record: InForce, { certificates, clock }: CertificateHandlersOptions) {
  const { der: _der, publicKeyHash: _publicKeyHash, ...view } = record;
  const ca = certificates.isRemovedCa(record.issuerId) ? { issuerRemoved: true } : {};
  return { ...view, state: shownState(record, clock.now()), ...ca };
}
