import { readFileSync, writeFileSync } from 'node:fs';
import { openssl, type TemporaryFolder } from '@fleetward/testkit';
import { sha256Of } from '../releases/engineer.ts';

/** A maker of signed images for Debian's SWUpdate, which checks CMS signatures. */
export interface ImageMaker {
  /** Whom devices trust. */
  readonly certFile: string;
  image(
    version: string,
    files: Readonly<Record<string, { readonly path: string; readonly bytes: Buffer }>>,
  ): Promise<Buffer>;
}

export async function newImageMaker(folder: TemporaryFolder, name: string): Promise<ImageMaker> {
  const [keyFile, certFile] = [folder.join(`${name}.key`), folder.join(`${name}.pem`)];
  const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', keyFile];
  const extensions = [
    '-addext',
    'keyUsage=critical,digitalSignature,keyCertSign',
    '-addext',
    'extendedKeyUsage=emailProtection',
  ];
  await openssl([
    'req',
    '-x509',
    ...key,
    '-out',
    certFile,
    '-subj',
    `/CN=${name}`,
    '-days',
    '2',
    ...extensions,
  ]);
  return {
    certFile,
    image: async (version, files) => {
      const list = Object.entries(files).map(
        ([file, { path, bytes }]) =>
          `{ filename = "${file}"; path = "${path}"; sha256 = "${sha256Of(bytes)}"; }`,
      );
      const description = Buffer.from(
        `software = { version = "${version}"; hardware-compatibility = [ "rev1" ]; files: ( ${list.join(', ')} ); }\n`,
      );
      const [plain, signature] = [folder.join('sw-description'), folder.join('sw-description.sig')];
      writeFileSync(plain, description);
      const signer = ['-signer', certFile, '-inkey', keyFile, '-nosmimecap', '-binary'];
      await openssl(['cms', '-sign', '-in', plain, '-out', signature, ...signer, '-outform', 'DER']);
      return cpio({
        'sw-description': description,
        'sw-description.sig': readFileSync(signature),
        ...Object.fromEntries(Object.entries(files).map(([file, { bytes }]) => [file, bytes])),
      });
    },
  };
}

/** The archive format `crc` of cpio(5), in which SWUpdate's images are. */
function cpio(files: Readonly<Record<string, Buffer>>): Buffer {
  const entries = Object.entries(files).map(([name, bytes], at) => entry(name, { bytes, inode: at + 1 }));
  const whole = Buffer.concat([...entries, entry('TRAILER!!!', { bytes: Buffer.alloc(0), inode: 0 })]);
  return padded(whole, 512);
}

function entry(name: string, { bytes, inode }: { readonly bytes: Buffer; readonly inode: number }): Buffer {
  const sum = bytes.reduce((total, byte) => (total + byte) >>> 0, 0);
  const numbers = [inode, 0o100644, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length + 1, sum];
  const head = `070702${numbers.map((value) => value.toString(16).padStart(8, '0')).join('')}${name}\0`;
  return Buffer.concat([padded(Buffer.from(head), 4), padded(bytes, 4)]);
}

function padded(bytes: Buffer, to: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((to - (bytes.length % to)) % to)]);
}
