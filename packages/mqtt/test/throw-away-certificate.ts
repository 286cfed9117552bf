import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Key and self-signed certificate of 127.0.0.1, by openssl. */
export function throwAwayCertificate(folder: string): { readonly key: Buffer; readonly cert: Buffer } {
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const out = [
    '-keyout',
    keyFile,
    '-out',
    certFile,
    '-days',
    '1',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
  ];
  execFileSync('openssl', ['req', '-x509', ...curve, ...out], { stdio: 'pipe' });
  return { key: readFileSync(keyFile), cert: readFileSync(certFile) };
}
