import { parseCsrPem } from '@fleetward/pki';
import { importCas, requestCa } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { readCertificates } from '../read-certificates.ts';
import type { Shell } from '../shell.ts';
import { assertNewFile, writeNewFile } from '../write-file.ts';
import { type CaAlgorithm, caAlgorithmOption, keyStoreOption, noteExperimental } from './ca-algorithms.ts';
import { keyFingerprint } from './key-fingerprint.ts';

interface RequestFlags {
  readonly out: string;
  readonly commonName?: string;
  readonly algorithm: CaAlgorithm;
  readonly keyStore: 'file' | 'hsm';
}

/** `fleetward ca request-intermediate`: the platform makes a key, and the request for its certificate. */
export function addCaRequest(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'request-intermediate', {
    summary: 'make the key of another issuing CA, and write the request for its certificate',
    description:
      'The platform makes the key in its signing process, where it stays. Have the request signed with `ca sign-intermediate`, on the ' +
      'machine with the root’s key, and give the result to `ca import`. Who signs compares the fingerprint that is printed here: a name anybody can put into a request. Asked again before that, it is the same key.',
    examples: ['fleetward ca request-intermediate --out intermediate.csr --algorithm ecdsa-p384'],
  })
    .requiredOption('--out <file>', 'where the request goes, PEM')
    .option('--common-name <name>', 'name of the CA; by default `Fleetward Issuing CA` and a number')
    .addOption(caAlgorithmOption('what it will sign with'))
    .addOption(keyStoreOption())
    .action(async ({ out, commonName, algorithm, keyStore: store }: RequestFlags) => {
      assertNewFile(out);
      noteExperimental(algorithm, output);
      const name = commonName === undefined ? {} : { commonName };
      const made = await withApi((api) => api.call(requestCa, { body: { algorithm, store, ...name } }));
      writeNewFile(out, made.pem);
      const { keyName, subject } = made;
      const publicKeySha256 = keyFingerprint(parseCsrPem(made.pem).publicKey);
      output.record(
        { keyName, subject, publicKeySha256, algorithm, store, file: out },
        {
          key: keyName,
          subject,
          'key fingerprint': publicKeySha256,
          algorithm,
          'key is in': store,
          request: out,
        },
      );
    });
}

/** `fleetward ca import`: takes what the root signed into use. */
export function addCaImport(noun: Command, { terminal, output, withApi }: Shell): void {
  addVerb(noun, 'import', {
    summary: 'take an issuing CA, a root or a cross-certificate into use',
    description:
      'All certificates of all files together, or none. Each is checked as the gateway checks what a device presents. The newest ' +
      'issuing CA issues from then on, the platform’s own certificate too; those before it stay trusted. A certificate that is there already ' +
      'is passed over. An issuing CA under a new root is refused without the cross-certificate by which devices that know the old root ' +
      'alone go on believing the platform; `--without-cross` is for when there are none.',
    examples: [
      'fleetward ca import intermediate.pem',
      'fleetward ca import root-2.pem root-2-by-root-1.pem root-1-by-root-2.pem',
    ],
  })
    .argument('<file...>', 'certificates in PEM; `-` reads standard input')
    .option(
      '--without-cross <reason>',
      'shut out who trusts a root of today alone, and why; the trail keeps it',
    )
    .action(async (files: readonly string[], { withoutCross }: { readonly withoutCross?: string }) => {
      const texts: string[] = [];
      for (const file of files) texts.push(await readCertificates(file, terminal));
      const why = withoutCross === undefined ? {} : { withoutCross };
      const body = { pem: texts.join('\n'), ...why };
      const { cas } = await withApi((api) => api.call(importCas, { body }));
      output.list(
        cas,
        {
          ca: (row) => row.certificateId,
          kind: (row) => row.kind,
          subject: (row) => row.subject,
          'valid until': (row) => ({ atMs: row.notAfterMs }),
        },
        'nothing new: all of them are there already',
      );
    });
}
