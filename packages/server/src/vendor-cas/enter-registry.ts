import type { CertificateId, Clock, Transaction } from '@fleetward/core';
import type { Certificate } from '@fleetward/pki';
import { type Certificates, CertificatesError, publicKeyHash } from '../certificates/index.ts';
import { keyInUse, RolledBack, refuse } from '../enrollment/index.ts';
import type { VendorCaRegistry } from './registry.ts';

interface EntryParts {
  readonly registry: VendorCaRegistry;
  readonly certificates: Certificates;
  readonly clock: Clock;
}

/** Takes a vendor's certificate up. Looks again at what may have changed since the handshake; throws `RolledBack`. */
export async function enterRegistry(
  tx: Transaction,
  given: {
    readonly certificate: Certificate;
    readonly vendorCaId: CertificateId;
    readonly state: 'ACTIVE' | 'INACTIVE' | 'PENDING_ACTIVATION';
  },
  { registry, certificates, clock }: EntryParts,
): Promise<void> {
  const { certificate, vendorCaId } = given;
  const ca = registry.find(vendorCaId);
  if (ca?.state !== 'active' || clock.now() > ca.certificate.notAfterMs)
    throw new RolledBack(refuse('vendor_ca_gone', 'the vendor CA was switched off, or has ended'));
  const [holder] = await certificates.ofPublicKey(publicKeyHash(certificate.publicKey), tx);
  if (holder !== undefined) throw new RolledBack(keyInUse([holder.certificateId]));
  try {
    await certificates.recordVendors(tx, given, { kind: 'device', certificateId: certificate.id });
  } catch (error) {
    if (!(error instanceof CertificatesError) || error.code !== 'certificates.exists') throw error;
    throw new RolledBack(
      refuse(
        'serial_in_use',
        'another certificate of this CA has its serial number (RFC 5280 section 4.1.2.2)',
      ),
    );
  }
}
