import { openssl, type TemporaryFolder } from '@fleetward/testkit';

export type KeyKind = 'rsa:2048' | 'rsa:1024' | 'ec:P-256';

/** A key as people make one by hand; the answer is its file. */
export async function makeKey(folder: TemporaryFolder, name: string, kind: KeyKind): Promise<string> {
  const file = folder.join(`${name}.key`);
  const [family, size = ''] = kind.split(':');
  if (family === 'rsa') await openssl(['genrsa', '-out', file, size]);
  else await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file]);
  return file;
}

/** The DER of a CSR as `openssl req -new -subj /CN=…` makes it. */
export async function makeCsr(
  keyFile: string,
  options: { readonly subject: string; readonly extra?: readonly string[] },
): Promise<Uint8Array> {
  const { subject, extra = [] } = options;
  return new Uint8Array(
    await openssl(['req', '-new', '-key', keyFile, '-subj', subject, '-outform', 'DER', ...extra]),
  );
}
