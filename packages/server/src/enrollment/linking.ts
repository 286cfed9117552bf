import type { Csr } from '@fleetward/pki';
import { type Refusal, refuse } from './refusal.ts';
import type { Trace } from './trace.ts';

/** What only the ends of a device's connection know, in base64; or why there is no such value. */
export type ChannelBinding =
  | { readonly kind: 'tls-unique' | 'tls-exporter'; readonly value: string }
  | { readonly kind: 'none'; readonly why: string };

/** How a request came, and whether it has to prove that whoever sends it holds the key. */
export interface Linking {
  readonly binding: ChannelBinding;
  readonly isRequired: boolean;
}

/** RFC 7030 §3.5: a challenge password that is not the connection's value was made for another connection. */
export function judgeLinking(
  { challengePassword: given }: Pick<Csr, 'challengePassword'>,
  { binding, isRequired }: Linking,
  trace: Trace,
): Refusal | undefined {
  trace.begin('linking');
  if (given === undefined) {
    if (isRequired) return missing();
    trace.pass('the CSR has no challenge password: it is not linked to its TLS connection');
    return undefined;
  }
  if (binding.kind === 'none')
    return refuse('linking_refused', `the CSR cannot be linked to its connection: ${binding.why}`);
  if (given !== binding.value) return mismatch(binding.kind);
  trace.pass(`the CSR was made for this TLS connection (${binding.kind})`);
  return undefined;
}

function missing(): Refusal {
  return refuse(
    'linking_missing',
    'the CSR has no challenge password that links it to its TLS connection (RFC 7030 section 3.5; setting `enrollment.linkingRequired`)',
    {
      deviceText:
        'the CSR must be linked to its TLS connection by a challenge password (RFC 7030 section 3.5)',
    },
  );
}

function mismatch(kind: string): Refusal {
  return refuse(
    'linking_refused',
    `the CSR's challenge password is not the base64 of this connection's ${kind}: it was made for another connection, or is no channel binding; leave it out or correct it (RFC 7030 section 3.5, RFC 9266)`,
  );
}
