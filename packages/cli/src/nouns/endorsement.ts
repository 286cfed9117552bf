import { encodePem } from '@fleetward/pki';
import { addEndorsement, listEndorsements, removeEndorsement } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, limit } from '../define.ts';
import { CliError, usage } from '../errors.ts';
import { readOperatorNames } from '../operator-names.ts';
import { readPages } from '../pages.ts';
import { readCertificates } from '../read-certificates.ts';
import type { Shell } from '../shell.ts';

/** `fleetward endorsement …`: the TPMs that are believed to be some. */
export function addEndorsementNoun(noun: Command, shell: Shell): void {
  addAdd(noun, shell);
  addList(noun, shell);
  addDelete(noun, shell);
}

interface AddFlags {
  readonly certificate?: string;
  readonly ekHash?: string;
  readonly root?: string;
}

function addAdd(noun: Command, shell: Shell): void {
  const { output, withApi } = shell;
  addVerb(noun, 'add', {
    summary: 'trust the endorsement key of a TPM, or a vendor of TPMs',
    description:
      'A TPM 2.0 is known by its endorsement key (EK), which never leaves it. A device gets a `tpm-device` certificate by a join token only when its TPM shows that it holds ' +
      'an EK that is trusted: by its own hash (SHA-256 of its SubjectPublicKeyInfo, after `tpm2_createek -c ek.ctx -G rsa -f pem -u ek.pem` at the device), by its certificate, or because ' +
      'a CA that is given as `--root` has certified it: then each TPM of that vendor is trusted. Give one of the three. docs/how-to/tpm.md has the whole of it.',
    examples: [
      'fleetward endorsement add --ek-hash $(openssl pkey -pubin -in ek.pem -outform DER | sha256sum | cut -c1-64)',
      'fleetward endorsement add --certificate ek-certificate.pem',
      'fleetward endorsement add --root vendor-root.pem',
    ],
  })
    .option('--certificate <file>', 'certificate of the endorsement key, PEM or DER')
    .option('--ek-hash <hex>', 'hash of the endorsement key')
    .option('--root <file>', 'certificate of a CA that certifies endorsement keys, PEM or DER')
    .action(async (flags: AddFlags) => {
      const body = await bodyOf(flags, shell);
      const added = await withApi((api) => api.call(addEndorsement, { body }));
      const what = added.kind === 'root' ? `the root \`${added.subject}\`` : 'the endorsement key';
      output.done(added, `${what} is trusted: \`${added.endorsementId}\``);
    });
}

async function bodyOf({ certificate, ekHash, root }: AddFlags, { terminal }: Shell) {
  if ([certificate, ekHash, root].filter((flag) => flag !== undefined).length !== 1)
    throw usage('give one of `--certificate`, `--ek-hash` and `--root`');
  if (ekHash !== undefined) return { ekHash: hashOf(ekHash) };
  if (root !== undefined) return { rootPem: await readOne(root, terminal) };
  return { certificatePem: await readOne(certificate ?? '', terminal) };
}

function hashOf(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  throw usage(
    `\`--ek-hash ${text}\` is not the hash of an endorsement key, which has 64 hex digits`,
    '`openssl pkey -pubin -in ek.pem -outform DER | sha256sum | cut -c1-64` gives it',
  );
}

/** TPMs and their vendors give DER, and vendors many roots in one file. */
async function readOne(file: string, terminal: Shell['terminal']): Promise<string> {
  const text = await readCertificates(file, terminal);
  const count = text.split('-----BEGIN CERTIFICATE-----').length - 1;
  if (count > 1)
    throw new CliError(
      'cli.unreadable',
      `\`${file}\` holds ${count} certificates: one is trusted at a time`,
      {
        hint: 'give a file with the one you mean; of several roots each by itself',
      },
    );
  return text.startsWith('0') ? encodePem('CERTIFICATE', Buffer.from(text, 'latin1')) : text;
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the endorsement keys and roots that are trusted',
    description: 'Lists the endorsement keys and roots that are trusted.',
    examples: ['fleetward endorsement list'],
  })
    .addOption(limit())
    .action(async (flags: { readonly limit: number }) => {
      const [{ items, more }, nameOf] = await withApi((api) =>
        Promise.all([
          readPages(flags.limit, async (query) => {
            const { endorsements, next } = await api.call(listEndorsements, { query });
            return { items: endorsements, next };
          }),
          readOperatorNames(api),
        ]),
      );
      const columns = {
        endorsement: (row: (typeof items)[number]) => row.endorsementId,
        kind: (row: (typeof items)[number]) => row.kind,
        subject: (row: (typeof items)[number]) => row.subject,
        added: (row: (typeof items)[number]) => ({ atMs: row.createdAtMs }),
        by: (row: (typeof items)[number]) => nameOf(row.createdBy),
      };
      output.list(items, columns, 'no endorsements');
      if (more) output.note(`there are more than ${flags.limit}: raise \`--limit\``);
    });
}

function addDelete(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'delete <endorsement-id>', {
    summary: 'trust an endorsement key or a root no more',
    description:
      'From then on no device comes in by it. Devices that did keep their certificates: revoke those (`cert revoke`).',
    examples: ['fleetward endorsement delete 9f86d081884c7d65…'],
  }).action(async (endorsementId: string) => {
    await withApi((api) => api.call(removeEndorsement, { params: { endorsementId } }));
    output.done({ endorsementId, outcome: 'deleted' }, `endorsement \`${endorsementId}\` is deleted`);
  });
}
