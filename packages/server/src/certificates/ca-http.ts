import { parseCertificateId, type ThingName } from '@fleetward/core';
import { encodePem, PkiError, parseCertificate, parseCertificatesPem } from '@fleetward/pki';
import { getCa, getCaReadiness, importCas, listCas, requestCa, setCaState } from '@fleetward/protocol';
import type { Activity } from '../activity/index.ts';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { Things } from '../things/index.ts';
import { caAlgorithms } from './ca-algorithms.ts';
import { CertificatesError } from './errors.ts';
import type { Certificates } from './service.ts';
import type { AuthorityRecord } from './store.ts';

interface CaHandlersOptions {
  readonly certificates: Certificates;
  readonly things: Things;
  readonly activity: Pick<Activity, 'find'>;
}

export function caHandlers(options: CaHandlersOptions): readonly RouteHandler[] {
  const { certificates, things } = options;
  return [
    handle(listCas, async () => ({ cas: certificates.authorities().map(viewOf) })),
    handle(getCa, async ({ params }) =>
      viewOf(certificates.authority(parseCertificateId(params.certificateId))),
    ),
    handle(setCaState, async ({ params, body, caller }) => {
      const certificateId = parseCertificateId(params.certificateId);
      await certificates.setAuthorityState({ certificateId, state: body.state }, operatorActor(caller));
      return undefined;
    }),
    handle(getCaReadiness, async ({ params, query }) => {
      const certificateId = parseCertificateId(params.certificateId);
      const found = await certificates.caReadiness(certificateId, { limit: query.limit ?? 100 });
      const withThings = [];
      for (const certificate of found.certificates) {
        const attachments = things.attachmentsOf(certificate.certificateId);
        const thingNames = attachments.map(({ thingName }) => thingName);
        const seen = await lastSeen(thingNames, options);
        withThings.push({ ...certificate, reasons: [...certificate.reasons], thingNames, ...seen });
      }
      return { ...found, rootsLost: [...found.rootsLost], certificates: withThings };
    }),
    handle(requestCa, async ({ body, caller }) => {
      const { algorithm = 'ecdsa-p256', store = 'file', ...name } = body;
      const wanted = { ...name, store, algorithm: caAlgorithms[algorithm] };
      const { keyName, csr } = await certificates.requestCa(wanted, operatorActor(caller));
      return {
        keyName,
        subject: csr.subject.text,
        algorithm,
        store,
        pem: encodePem('CERTIFICATE REQUEST', csr.der),
      };
    }),
    handle(importCas, async ({ body, caller }) => {
      const { pem, withoutCross } = body;
      const why = withoutCross === undefined ? {} : { rootsLostFor: withoutCross };
      const added = await certificates.importCas(readPem(pem), operatorActor(caller), why);
      return { cas: added.map(viewOf) };
    }),
  ];
}

/** When one of them last did something, or reported. */
async function lastSeen(
  thingNames: readonly ThingName[],
  { things, activity }: CaHandlersOptions,
): Promise<{ readonly lastSeenMs?: number }> {
  const reports = await Promise.all(thingNames.map((thingName) => things.reports.find(thingName)));
  const times = [
    ...(await activity.find(thingNames)).map(({ lastSeenMs }) => lastSeenMs),
    ...reports.flatMap((report) => (report === undefined ? [] : [report.receivedAtMs])),
  ];
  return times.length === 0 ? {} : { lastSeenMs: Math.max(...times) };
}

function readPem(pem: string) {
  try {
    return parseCertificatesPem(pem);
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    const message = `\`pem\` holds no certificates that can be read: ${cause.message}`;
    throw new CertificatesError('certificates.ca_refused', message, { cause });
  }
}

function viewOf({ certificateId, kind, state, der, createdAtMs }: AuthorityRecord) {
  const { subject, notAfterMs } = parseCertificate(der);
  const pem = encodePem('CERTIFICATE', der);
  return { certificateId, kind, state, subject: subject.text, notAfterMs, createdAtMs, pem };
}
