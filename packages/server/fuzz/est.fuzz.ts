import { type Csr, PkiError, parseCsr } from '@fleetward/pki';
import { makeKeyFor } from '../src/enrollment/made-key.ts';
import { judgeCsr } from '../src/enrollment/rules.ts';
import { Trace } from '../src/enrollment/trace.ts';
import { basicPassword, readCsr } from '../src/gateway/est/requests.ts';

/** A CSR by openssl for `CN=lamp-1` on P-256, with a challenge password; its key was thrown away. */
const csr =
  'MIHlMIGMAgEAMBExDzANBgNVBAMMBmxhbXAtMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPEu608WW/kDoPgttXWsNf+3bXf56Lxz7sIJgMx5KwwDtqzQAkDXdKr+Hy+ntFOHR4AJ+cm4rvWZFgbhzm4wiEWgGTAXBgkqhkiG9w0BCQcxCgwIQUFBQUFBQUEwCgYIKoZIzj0EAwIDSAAwRQIgS/38Gnabwel5fUun9mncNdmCpvUCLqS4YpcmEnjJai0CIQDW1qyI3QaavwJSpeS9ued/1hbt63LJq4Hy8Qx1oTrJlA==';

export const seeds: readonly Uint8Array[] = [
  Buffer.from(csr, 'base64').toString('latin1'),
  csr,
  `${csr}\r\n`,
  'Basic ZGV2aWNlOmZ3al9hYmM=',
  'Basic OjpleA==',
  '0\u0082',
].map((text) => new Uint8Array(Buffer.from(text, 'latin1')));

const linkings = [
  { binding: { kind: 'none', why: 'resumed' }, isRequired: true },
  { binding: { kind: 'tls-unique', value: 'AAAA' }, isRequired: false },
] as const;

/** The headers, the body and the request in it, as a stranger may send them to an EST operation. */
export function fuzz(input: Uint8Array): void {
  basicPassword(Buffer.from(input).toString('latin1'));
  for (const csrDer of [input, readCsr(input)]) judge(csrDer);
}

function judge(csrDer: ReturnType<typeof readCsr>): void {
  for (const linking of linkings) {
    const trace = new Trace('fuzz');
    const judged = judgeCsr(
      { csrDer, namePattern: '*', profile: 'device', linking, keyRules: {}, givenNames: () => [] },
      trace,
    );
    if (judged.kind === 'accepted' && linking.isRequired) throw new Error('not linked, and accepted');
    if (trace.steps.some(({ outcome }) => outcome === 'refused')) throw new Error('refused twice');
  }
  const read = 'flaw' in csrDer ? undefined : readOf(csrDer);
  if (read !== undefined) makeKeyFor(read, new Trace('fuzz'));
}

function readOf(csrDer: Uint8Array): Csr | undefined {
  try {
    return parseCsr(csrDer);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    return undefined;
  }
}
