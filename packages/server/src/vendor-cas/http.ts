import { type CertificateId, parseCertificateId } from '@fleetward/core';
import { type Certificate, encodePem, PkiError, parseCertificatesPem } from '@fleetward/pki';
import {
  createVendorCaCode,
  getVendorCa,
  listVendorCas,
  registerVendorCa,
  removeVendorCa,
  setVendorCaState,
} from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import { VendorCasError } from './errors.ts';
import type { VendorCa } from './registry.ts';
import { verificationRefused } from './rules.ts';
import type { VendorCas } from './service.ts';

export function vendorCaHandlers(vendorCas: VendorCas): readonly RouteHandler[] {
  const idOf = ({ certificateId }: { readonly certificateId: string }): CertificateId =>
    parseCertificateId(certificateId);
  return [
    handle(createVendorCaCode, async ({ caller }) => vendorCas.codes.create(operatorActor(caller))),
    handle(registerVendorCa, async ({ body, caller }) => {
      const { templateName } = body;
      const wanted = {
        ca: onlyCertificate(
          body.caPem,
          (why) => new VendorCasError('vendor_cas.ca_refused', `the CA: ${why}`),
        ),
        verification: onlyCertificate(body.verificationPem, verificationRefused),
        ...(templateName === undefined ? {} : { templateName }),
      };
      return viewOf(await vendorCas.register(wanted, operatorActor(caller)));
    }),
    handle(listVendorCas, async () => ({ vendorCas: vendorCas.list().map(viewOf) })),
    handle(getVendorCa, async ({ params }) => {
      const ca = vendorCas.get(idOf(params));
      return { ...viewOf(ca), pem: encodePem('CERTIFICATE', ca.der) };
    }),
    handle(setVendorCaState, async ({ params, body, caller }) => {
      const certificateId = idOf(params);
      const effect = await vendorCas.setState(certificateId, body.state, operatorActor(caller));
      return { certificateId, state: body.state, ...effect };
    }),
    handle(removeVendorCa, async ({ params, caller }) => {
      await vendorCas.remove(idOf(params), operatorActor(caller));
      return undefined;
    }),
  ];
}

function onlyCertificate(pem: string, refused: (why: string) => VendorCasError): Certificate {
  try {
    const [certificate, ...others] = parseCertificatesPem(pem);
    if (certificate !== undefined && others.length === 0) return certificate;
    throw refused('expected exactly one certificate in PEM');
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    throw refused(`it cannot be read: ${error.message}`);
  }
}

function viewOf({ certificateId, state, templateName, createdAtMs, createdBy, certificate }: VendorCa) {
  const { subject, notAfterMs } = certificate;
  const template = templateName === undefined ? {} : { templateName };
  return { certificateId, subject: subject.text, state, ...template, notAfterMs, createdAtMs, createdBy };
}
