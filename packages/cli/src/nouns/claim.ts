import { createClaim, getClaim, listClaims, type Part } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, whole } from '../define.ts';
import { parseDurationMs } from '../moment.ts';
import { readOperatorNames } from '../operator-names.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import { assertNewFile, writeNewFile } from '../write-file.ts';

const csrBytesMax = 16_384;

/** `fleetward claim …`: the certificates by which devices without one of their own provision. */
export function addClaim(noun: Command, shell: Shell): void {
  addCreate(noun, shell);
  addList(noun, shell);
  addShow(noun, shell);
}

interface CreateFlags {
  readonly expires?: string;
  readonly csr?: string;
  readonly out?: string;
  readonly uses?: number;
  readonly thing?: string;
}

function addCreate(noun: Command, shell: Shell): void {
  const { output, withApi } = shell;
  addVerb(noun, 'create <template-name>', {
    summary: 'make a claim certificate',
    description:
      'Makes a certificate that may provision devices by one template, over MQTT or EST, and do nothing else. Without `--expires` it is valid for five ' +
      'minutes: enough for one device that a person installs. A factory puts one that lasts into its firmware, best with `--uses`. With ' +
      '`--thing` it is for that thing alone, also where its device was shut out by a revocation before. The key is made here unless ' +
      '`--csr` brings one, and is shown this once.',
    examples: [
      'fleetward claim create lamps',
      'fleetward claim create lamps --expires 180d --uses 500 --out factory-claim',
      'fleetward claim create lamps --thing lamp-7',
      'fleetward claim create lamps --expires 180d --csr factory.csr --out factory-claim',
    ],
  })
    .option('--expires <duration>', 'how long it works, such as `5m` or `180d`; five minutes if not given')
    .option('--csr <file>', 'PKCS #10 request, PEM, whose key is used')
    .option('--out <name>', 'write NAME.pem and NAME.key, which must not exist, instead of printing them')
    .addOption(
      whole('--uses <count>', {
        description: 'certificates it may ask for in its life; any number if not given',
        min: 1,
        max: 1_000_000,
      }),
    )
    .option('--thing <name>', 'the one thing it may provision')
    .action(async (templateName: string, { expires, csr, out, uses, thing }: CreateFlags) => {
      for (const file of out === undefined ? [] : [`${out}.pem`, `${out}.key`]) assertNewFile(file);
      const body = {
        templateName,
        ...(expires === undefined ? {} : { expiresInSeconds: parseDurationMs(expires, '--expires') / 1_000 }),
        ...(csr === undefined ? {} : { csr: await readCsr(csr, shell) }),
        ...(uses === undefined ? {} : { usesMax: uses }),
        ...(thing === undefined ? {} : { thingName: thing }),
      };
      const claim = await withApi((api) => api.call(createClaim, { body }));
      if (out === undefined) print(claim, shell);
      else save(claim, out, shell);
      const until = new Date(claim.expiresAtMs).toISOString();
      output.note(`claim \`${claim.certificateId}\` provisions by \`${templateName}\` until ${until}`);
    });
}

type Claim = Part<(typeof createClaim)['answer']>;

function print(claim: Claim, { output }: Shell): void {
  if (output.json) {
    output.done(claim, '');
    return;
  }
  output.line(claim.certificatePem.trimEnd());
  if (claim.privateKeyPem === undefined) return;
  output.line(claim.privateKeyPem.trimEnd());
  output.note('keep the key above, it is not shown again');
}

function save({ privateKeyPem, ...claim }: Claim, out: string, { output }: Shell): void {
  if (privateKeyPem !== undefined) writeNewFile(`${out}.key`, privateKeyPem);
  writeNewFile(`${out}.pem`, claim.certificatePem);
  const files = privateKeyPem === undefined ? `\`${out}.pem\`` : `\`${out}.pem\` and \`${out}.key\``;
  output.done(claim, `the claim is in ${files}`);
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the claims that have not ended',
    description: 'Lists the claims that have not ended. `fleetward cert revoke` ends one at once.',
    examples: ['fleetward claim list'],
  }).action(async () => {
    const { claims } = await withApi((api) => api.call(listClaims));
    output.list(
      claims,
      {
        claim: (row) => row.certificateId,
        template: (row) => row.templateName,
        thing: (row) => row.thingName,
        uses: (row) => (row.usesMax === undefined ? undefined : `${row.usesLeft} of ${row.usesMax} left`),
        created: (row) => ({ atMs: row.createdAtMs }),
        expires: (row) => ({ atMs: row.expiresAtMs }),
      },
      'no claims',
    );
  });
}

function addShow(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <certificate-id>', {
    summary: 'show a claim',
    description:
      'Shows a claim that has not ended: its template, how often it was used, and until when it works.',
    examples: ['fleetward claim show 9f86d081884c7d65…'],
  }).action(async (certificateId: string) => {
    const [found, nameOf] = await withApi((api) =>
      Promise.all([api.call(getClaim, { params: { certificateId } }), readOperatorNames(api)]),
    );
    output.record(found, {
      claim: found.certificateId,
      template: found.templateName,
      thing: found.thingName ?? 'any of its template',
      uses: found.usesMax === undefined ? 'any number' : `${found.usesLeft} of ${found.usesMax} left`,
      created: { atMs: found.createdAtMs },
      by: nameOf(found.createdBy),
      expires: { atMs: found.expiresAtMs },
    });
  });
}

async function readCsr(file: string, { terminal }: Shell): Promise<string> {
  return Buffer.from(await readInput(file, { terminal, bytesMax: csrBytesMax })).toString('latin1');
}
