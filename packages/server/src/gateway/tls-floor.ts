import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';

/** TLS settings every listener shares: 1.2 with AEAD and ECDHE only, 1.3, hybrid post-quantum key exchange first. */
export const tlsFloor = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
  ].join(':'),
  honorCipherOrder: true,
  // In TLS 1.2 a peer could become another one, with its admission looked up for the first.
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  // A slash ends what OpenSSL takes as equally good: who knows the hybrid gets it, though it sent a share for another.
  ecdhCurve: 'X25519MLKEM768/X25519:P-256:P-384',
} as const satisfies SecureContextOptions;
