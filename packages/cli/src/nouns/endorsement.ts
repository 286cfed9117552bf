import { encodePem } from '@fleetward/pki';
import { addEndorsement, listEndorsements, removeEndorsement } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, limit } from '../define.ts';
import { usage } from '../errors.ts';
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
      'A device gets a `tpm-device` certificate by a join token only when its TPM shows that it holds an endorsement key that is trusted: ' +
      'by its own hash (SHA-256 of its SubjectPublicKeyInfo), by its certificate, or because a CA that is given as `--root` has certified it. ' +
      'Give one of the three.',
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
  if (ekHash !== undefined) return { ekHash: ekHash.toLowerCase() };
  if (root !== undefined) return { rootPem: pemOf(await readCertificates(root, terminal)) };
  return { certificatePem: pemOf(await readCertificates(certificate ?? '', terminal)) };
}

/** TPMs and their vendors give DER. */
function pemOf(text: string): string {
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
