import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { type Certificate, parseCertificatesPem } from '@fleetward/pki';
import { openssl, type TemporaryFolder } from '@fleetward/testkit';

/** A vendor with a CA of its own, and devices: everything is made by `openssl`, as vendors make it. */
export interface Vendor {
  readonly caPem: string;
  readonly ca: Certificate;
  /** The certificate that proves possession of the CA's key. */
  readonly verify: (code: string, options?: SignOptions) => Promise<Certificate>;
  readonly device: (subject: string, options?: SignOptions) => Promise<VendorDevice>;
  /** The CA's key certified again, as of another certificate of it. */
  readonly again: (subject: string, days?: string) => Promise<Certificate>;
}

export interface VendorDevice {
  readonly certificate: Certificate;
  readonly certFile: string;
  readonly keyFile: string;
  /** What it was signed for. */
  readonly csrFile: string;
}

export interface SignOptions {
  readonly extensions?: readonly string[];
  readonly days?: string;
  readonly digest?: string;
  /** Else one at random. */
  readonly serial?: string;
  /** Made before; else a new one on P-256. */
  readonly keyFile?: string;
}

export interface VendorOptions {
  readonly subject?: string;
  readonly extensions?: readonly string[];
  readonly algorithm?: readonly string[];
  readonly days?: string;
}

const caExtensions = [
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,keyCertSign,cRLSign',
  'subjectKeyIdentifier=hash',
];
const deviceExtensions = [
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=clientAuth',
  'authorityKeyIdentifier=keyid',
];
const p256 = ['EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
let made = 0;

/** Each in files of its own. */
export async function newVendor(folder: TemporaryFolder, options: VendorOptions = {}): Promise<Vendor> {
  const { subject = '/O=Acme/CN=Acme Device CA', extensions = caExtensions, algorithm = p256 } = options;
  const name = `vendor-${++made}`;
  const keyFile = folder.join(`${name}.key`);
  await newKey(keyFile, algorithm);
  const certify = async (file: string, as: string, days = options.days): Promise<Certificate> => {
    const added = extensions.flatMap((each) => ['-addext', each]);
    const args = ['req', '-x509', '-config', emptyConfig(folder), '-new', '-key', keyFile];
    await openssl([...args, '-subj', as, '-days', days ?? '3650', ...added, '-out', file]);
    return read(file);
  };
  const caFile = folder.join(`${name}.pem`);
  const ca = await certify(caFile, subject);
  const sign = (as: string, given: SignOptions) =>
    signed(folder, as, { ...given, caFile, caKeyFile: keyFile });
  return {
    ca,
    caPem: readFileSync(caFile, 'latin1'),
    verify: async (code, given = {}) => (await sign(`/CN=${code}`, { extensions: [], ...given })).certificate,
    device: (as, given = {}) => sign(as, given),
    again: (as, days) => certify(folder.join(`${name}-again-${++made}.pem`), as, days),
  };
}

async function signed(
  folder: TemporaryFolder,
  subject: string,
  options: SignOptions & { readonly caFile: string; readonly caKeyFile: string },
): Promise<VendorDevice> {
  const { extensions = deviceExtensions, days = '365', digest = 'sha256', caFile, caKeyFile } = options;
  // Not from a file beside the CA's, as openssl would have it: several are signed at once.
  const { serial = `0x${randomBytes(16).toString('hex')}` } = options;
  const name = `signed-${++made}`;
  const file = (ending: string): string => folder.join(`${name}.${ending}`);
  const keyFile = options.keyFile ?? file('key');
  if (options.keyFile === undefined) await newKey(keyFile, p256);
  writeFileSync(file('ext'), extensions.join('\n'));
  const request = ['req', '-new', '-config', emptyConfig(folder), '-key', keyFile, '-subj', subject];
  await openssl([...request, '-out', file('csr')]);
  const by = ['-CA', caFile, '-CAkey', caKeyFile, '-set_serial', serial, '-days', days, `-${digest}`];
  await openssl(['x509', '-req', '-in', file('csr'), ...by, '-extfile', file('ext'), '-out', file('pem')]);
  return { certificate: read(file('pem')), certFile: file('pem'), keyFile, csrFile: file('csr') };
}

async function newKey(file: string, [algorithm = 'EC', ...options]: readonly string[]): Promise<void> {
  await openssl(['genpkey', '-algorithm', algorithm, ...options, '-out', file]);
}

function emptyConfig(folder: TemporaryFolder): string {
  const file = folder.join('openssl.cnf');
  writeFileSync(file, '[req]\ndistinguished_name=dn\n[dn]\n');
  return file;
}

function read(file: string): Certificate {
  const [certificate] = parseCertificatesPem(readFileSync(file, 'latin1'));
  if (certificate === undefined) throw new TypeError(`no certificate in ${file}`);
  return certificate;
}
