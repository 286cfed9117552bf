import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { openssl, temporaryFolder } from '@fleetward/testkit';
import { rounded } from '../figures.ts';

/** Milliseconds that `openssl ca -gencrl` takes for so many entries, reading its index included. */
export async function opensslCrlMs(entries: number): Promise<number> {
  using folder = temporaryFolder('fleetward-openssl-crl-');
  const lines = Array.from(
    { length: entries },
    (_, index) =>
      `R\t400101000000Z\t250101000000Z,keyCompromise\t4${randomBytes(15).toString('hex').toUpperCase()}A\tunknown\t/CN=d${index}\n`,
  );
  writeFileSync(folder.join('index'), lines.join(''));
  writeFileSync(folder.join('number'), '1000\n');
  const settings = [
    '[ca]',
    'default_ca=d',
    '[d]',
    `database=${folder.join('index')}`,
    `crlnumber=${folder.join('number')}`,
    'default_md=sha256',
    'default_crl_days=1',
  ];
  writeFileSync(folder.join('ca.cnf'), `${settings.join('\n')}\n`);
  const [key, certificate] = [folder.join('key'), folder.join('ca.pem')];
  const make = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key];
  await openssl(['req', '-x509', ...make, '-subj', '/CN=ca', '-out', certificate]);
  const began = performance.now();
  const by = ['-keyfile', key, '-cert', certificate];
  await openssl(['ca', '-config', folder.join('ca.cnf'), '-gencrl', ...by, '-out', folder.join('crl')]);
  return rounded(performance.now() - began);
}
