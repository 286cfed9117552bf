import { readFileSync } from 'node:fs';
import { openssl, type TemporaryFolder } from '@fleetward/testkit';

/** A self-signed P-256 certificate for `localhost`, for the brokers that are not Fleetward. */
export async function makeServerCertificate(
  folder: TemporaryFolder,
): Promise<{ readonly certificate: string; readonly key: string }> {
  const certificateFile = folder.join('server.pem');
  const keyFile = folder.join('server.key');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  await openssl(['req', '-x509', ...key, ...names, '-days', '2', '-out', certificateFile]);
  return { certificate: readFileSync(certificateFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}
