import { createJoinToken, getJoinToken, listJoinTokens, revokeJoinToken } from '@fleetward/protocol';
import { type Command, Option } from 'commander';
import { addVerb, repeatable, whole } from '../define.ts';
import { parseDurationMs } from '../moment.ts';
import { readOperatorNames } from '../operator-names.ts';
import type { Shell } from '../shell.ts';

/** `fleetward join-token …`: the secrets with which devices without a certificate enrol. */
export function addJoinToken(noun: Command, shell: Shell): void {
  addCreate(noun, shell);
  addList(noun, shell);
  addShow(noun, shell);
  addRevoke(noun, shell);
}

interface CreateFlags {
  readonly policy?: readonly string[];
  readonly group?: string;
  readonly profile?: (typeof profiles)[number];
  readonly uses?: number;
  readonly expires?: string;
}

const profiles = ['device', 'tpm-device', 'claim', 'operator'] as const;

function addCreate(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'create <name-pattern>', {
    summary: 'make a join token',
    description:
      'Makes a token that lets devices enrol over EST under the names the pattern allows (`*` stands for any characters). It is printed ' +
      'this once and never again. Policies given here are attached to each certificate it brings, and each thing joins the group. ' +
      'With `--profile tpm-device` EST does not take it: a device shows by its TPM that its key is in there, and that TPM has to be trusted (`endorsement add`; docs/how-to/tpm.md).',
    examples: [
      'fleetward join-token create lamp-7 --policy lamps',
      "fleetward join-token create 'lamp-*' --uses 500 --expires 30d --policy lamps > factory.token",
      "fleetward join-token create 'lamp-*' --uses 40 --group building-7",
      "fleetward join-token create 'pump-*' --profile tpm-device --uses 40 --policy pumps",
    ],
  })
    .addOption(repeatable('--policy <name>', 'a policy to attach to what it enrols'))
    .option('--group <name>', 'the group that each thing it enrols joins')
    .addOption(
      new Option(
        '--profile <profile>',
        'what its certificates are for (docs/reference/certificate-profiles.md); device if not given',
      ).choices(profiles),
    )
    .addOption(
      whole('--uses <count>', {
        description: 'devices it can enrol; 1 if not given',
        min: 1,
        max: 1_000_000,
      }),
    )
    .option('--expires <duration>', 'how long it works, such as `30m` or `30d`; a day if not given')
    .action(async (namePattern: string, { policy, group, profile, uses, expires }: CreateFlags) => {
      const body = {
        namePattern,
        ...(policy === undefined ? {} : { policies: [...policy] }),
        ...(group === undefined ? {} : { groupName: group }),
        ...(profile === undefined ? {} : { profile }),
        ...(uses === undefined ? {} : { usesMax: uses }),
        ...(expires === undefined ? {} : { expiresInSeconds: parseDurationMs(expires, '--expires') / 1_000 }),
      };
      const token = await withApi((api) => api.call(createJoinToken, { body }));
      output.done(token, token.secret);
      output.noteSecret(`join token \`${token.tokenId}\``);
    });
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the join tokens',
    description: 'Lists the join tokens, without their secrets.',
    examples: ['fleetward join-token list'],
  }).action(async () => {
    const { joinTokens } = await withApi((api) => api.call(listJoinTokens));
    output.list(
      joinTokens,
      {
        token: (row) => row.tokenId,
        names: (row) => row.namePattern,
        profile: (row) => row.profile,
        group: (row) => row.groupName,
        policies: (row) => row.policies.join(' '),
        uses: (row) => `${row.usesLeft} of ${row.usesMax} left`,
        expires: (row) => ({ atMs: row.expiresAtMs }),
        revoked: (row) => (row.revokedAtMs === undefined ? undefined : { atMs: row.revokedAtMs }),
      },
      'no join tokens',
    );
  });
}

function addShow(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <token-id>', {
    summary: 'show a join token',
    description: 'Shows a join token, whatever its state, without its secret.',
    examples: ['fleetward join-token show 0c2f4a6b8d0e1f23'],
  }).action(async (tokenId: string) => {
    const [found, nameOf] = await withApi((api) =>
      Promise.all([api.call(getJoinToken, { params: { tokenId } }), readOperatorNames(api)]),
    );
    output.record(found, {
      token: found.tokenId,
      names: found.namePattern,
      profile: found.profile,
      group: found.groupName,
      policies: found.policies.join(' '),
      uses: `${found.usesLeft} of ${found.usesMax} left`,
      created: { atMs: found.createdAtMs },
      by: nameOf(found.createdBy),
      expires: { atMs: found.expiresAtMs },
      ...(found.revokedAtMs === undefined ? {} : { revoked: { atMs: found.revokedAtMs } }),
    });
  });
}

function addRevoke(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'revoke <token-id>', {
    summary: 'revoke a join token',
    description: 'Revokes a join token at once. Devices it has enrolled keep their certificates.',
    examples: ['fleetward join-token revoke 0c2f4a6b8d0e1f23'],
  }).action(async (tokenId: string) => {
    await withApi((api) => api.call(revokeJoinToken, { params: { tokenId } }));
    output.done({ tokenId, outcome: 'revoked' }, `join token \`${tokenId}\` is revoked`);
  });
}
