import { parseSha256 } from '@fleetward/core';
import { type Certificate, PkiError, parseCertificate, parseCertificatesPem } from '@fleetward/pki';
import { addEndorsement, listEndorsements, type Part, removeEndorsement } from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import { refused } from './rules.ts';
import type { Endorsements, WantedEndorsement } from './service.ts';
import type { EndorsementRecord } from './store.ts';

export function endorsementHandlers(endorsements: Endorsements): readonly RouteHandler[] {
  return [
    handle(addEndorsement, async ({ body, caller }) =>
      viewOf(await endorsements.add(wantedOf(body), operatorActor(caller))),
    ),
    handle(listEndorsements, async ({ query }) => {
      const { limit = 100 } = query;
      const after = query.after === undefined ? {} : { after: parseSha256(query.after) };
      const page = await endorsements.page({ ...after, limit });
      const last = page.length < limit ? undefined : page.at(-1);
      const next = last === undefined ? {} : { next: last.endorsementId };
      return { endorsements: page.map(viewOf), ...next };
    }),
    handle(removeEndorsement, async ({ params, caller }) => {
      await endorsements.remove(parseSha256(params.endorsementId), operatorActor(caller));
      return undefined;
    }),
  ];
}

function wantedOf(body: Part<(typeof addEndorsement)['body']>): WantedEndorsement {
  if ('ekHash' in body) return { kind: 'key', hash: parseSha256(body.ekHash) };
  if ('certificatePem' in body) return { kind: 'key', certificate: onlyCertificate(body.certificatePem) };
  return { kind: 'root', certificate: onlyCertificate(body.rootPem) };
}

function onlyCertificate(pem: string): Certificate {
  try {
    const [certificate, ...others] = parseCertificatesPem(pem);
    if (certificate !== undefined && others.length === 0) return certificate;
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    throw refused(`it cannot be read: ${error.message}`);
  }
  throw refused('expected exactly one certificate in PEM');
}

function viewOf(record: EndorsementRecord) {
  const { endorsementId, kind, createdAtMs, createdBy } = record;
  const subject = record.kind === 'root' ? { subject: parseCertificate(record.der).subject.text } : {};
  return { endorsementId, kind, ...subject, createdAtMs, createdBy };
}
