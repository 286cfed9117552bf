import { type Csr, type KeyRules, PkiError, parseCsrPem } from '@fleetward/pki';
import { type Refusal, readSoundCsr, refuse, type Trace } from '../enrollment/index.ts';

const unlinked = {
  binding: { kind: 'none', why: 'only EST links a request to its connection' },
  isRequired: false,
} as const;

/** A CSR in PEM, held to the key rules and its own signature. */
export function readCsr(
  csrPem: string,
  { keyRules, trace }: { readonly keyRules: KeyRules; readonly trace: Trace },
): Csr | Refusal {
  trace.begin('csr');
  try {
    return readSoundCsr({ csrDer: parseCsrPem(csrPem).der, linking: unlinked, keyRules }, trace);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    return refuse('csr_malformed', `the CSR cannot be read: ${error.message}`);
  }
}
