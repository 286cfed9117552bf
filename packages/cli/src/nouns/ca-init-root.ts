import { generatePrivateKey, localSigner } from '@fleetward/keys';
import { encodePem, encryptPrivateKey, issueCertificate, makeName, parsePublicKey } from '@fleetward/pki';
import { type Command, Option } from 'commander';
import { addVerb, whole } from '../define.ts';
import { readNewSecret } from '../secrets.ts';
import type { Shell } from '../shell.ts';
import { assertNewFile, writeNewFile } from '../write-file.ts';
import { type CaAlgorithm, caAlgorithmNames, caAlgorithms, noteExperimental } from './ca-algorithms.ts';
import { passphraseSource } from './release-keys.ts';

const dayMs = 86_400_000;

interface InitRootFlags {
  readonly key: string;
  readonly out: string;
  readonly commonName: string;
  readonly algorithm: CaAlgorithm;
  readonly days: number;
  readonly passphraseFile?: string;
}

/** `fleetward ca init-root`: a root CA whose key never comes near the platform. */
export function addCaInitRoot(noun: Command, { terminal, output }: Shell): void {
  addVerb(noun, 'init-root', {
    summary: 'make a root CA, on a machine of its own',
    description:
      'Makes a key and writes it encrypted under a passphrase (PKCS #8 with scrypt and AES-256, which `openssl` opens too), and the ' +
      'root’s certificate. The passphrase is asked for, or read from a file or FLEETWARD_PASSPHRASE. Needs no platform and no network.',
    examples: [
      'fleetward ca init-root --key root-2.key --out root-2.pem --common-name "Example Root CA 2"',
      'fleetward ca init-root --key r.key --out r.pem --common-name "Example Root" --algorithm ecdsa-p384 --passphrase-file r.pass',
    ],
  })
    .requiredOption('--key <file>', 'where the encrypted key goes')
    .requiredOption('--out <file>', 'where the certificate goes, PEM')
    .requiredOption('--common-name <name>', 'name of the root: another than that of every other root')
    .addOption(
      new Option('--algorithm <name>', 'what it signs with').choices(caAlgorithmNames).default('ecdsa-p384'),
    )
    .addOption(
      whole('--days <count>', { description: 'how long it is valid', min: 1, max: 10_950 }).default(7_300),
    )
    .option('--passphrase-file <file>', 'file with the passphrase; `-` reads standard input')
    .action(async (flags: InitRootFlags) => {
      for (const path of [flags.key, flags.out]) assertNewFile(path);
      const source = passphraseSource(`new passphrase of ${flags.key}`, flags.passphraseFile);
      const passphrase = await readNewSecret(source, terminal);
      const { random } = terminal;
      const algorithm = caAlgorithms[flags.algorithm];
      noteExperimental(flags.algorithm, output);
      const privateKey = generatePrivateKey(algorithm);
      const signer = localSigner(privateKey, algorithm);
      const notBeforeMs = terminal.clock.now();
      const root = await issueCertificate({
        profile: 'root-ca',
        issuer: 'self',
        subject: makeName([['commonName', flags.commonName]]),
        publicKey: parsePublicKey(signer.publicKey),
        signer,
        random,
        notBeforeMs,
        notAfterMs: notBeforeMs + flags.days * dayMs,
      });
      writeNewFile(flags.key, encryptPrivateKey(privateKey, { passphrase, random }));
      writeNewFile(flags.out, encodePem('CERTIFICATE', root.der));
      output.record(
        {
          certificateId: root.id,
          subject: root.subject.text,
          keyFile: flags.key,
          certificateFile: flags.out,
        },
        {
          root: root.id,
          subject: root.subject.text,
          key: `${flags.key} (encrypted)`,
          certificate: flags.out,
        },
      );
    });
}
