import {
  inviteOperator,
  listOperatorInvitations,
  listOperators,
  withdrawOperatorInvitation,
} from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, whole } from '../define.ts';
import { formatMoment } from '../moment.ts';
import type { Shell } from '../shell.ts';

/** `fleetward operator invite` and what becomes of an invitation. */
export function addOperatorInvitations(noun: Command, shell: Shell): void {
  addInvite(noun, shell);
  addListInvitations(noun, shell);
  addWithdraw(noun, shell);
}

function addInvite(noun: Command, { output, withApi, terminal }: Shell): void {
  addVerb(noun, 'invite <operator-name>', {
    summary: 'make a setup token with which another becomes an operator',
    description:
      'Makes a one-time setup token for this name alone and prints it, this once; whoever has it runs `operator setup`. An invitation made before for the name is void. ' +
      'Operators have the same rights, with one exception: whom you invite, at once or over others, counts as you where a campaign needs the approval of another.',
    examples: [
      'fleetward operator invite bob > bob.setup-token',
      'fleetward operator invite ci --valid-hours 1 --json',
    ],
  })
    .addOption(
      whole('--valid-hours <hours>', {
        description: 'hours until it expires; 24 if not given',
        min: 1,
        max: 168,
      }),
    )
    .action(async (operatorName: string, { validHours }: { readonly validHours?: number }) => {
      const body = { operatorName, ...(validHours === undefined ? {} : { validityHours: validHours }) };
      const made = await withApi((api) => api.call(inviteOperator, { body }));
      output.done(made, made.setupToken);
      const until = formatMoment(made.expiresAtMs, terminal.clock.now());
      output.noteSecret(`for \`${operatorName}\` alone, once, until ${until}`);
    });
}

function addListInvitations(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list-invitations', {
    summary: 'list the invitations that nobody has used yet',
    description: 'Lists the invitations with which somebody could become an operator now, and who made them.',
    examples: ['fleetward operator list-invitations'],
  }).action(async () => {
    const [{ invitations }, { operators }] = await withApi((api) =>
      Promise.all([api.call(listOperatorInvitations), api.call(listOperators)]),
    );
    output.list(
      invitations,
      {
        name: (row) => row.operatorName,
        'invited by': ({ invitedBy }) => operators.find(({ operatorId }) => operatorId === invitedBy)?.name,
        created: (row) => ({ atMs: row.createdAtMs }),
        expires: (row) => ({ atMs: row.expiresAtMs }),
      },
      'no invitations',
    );
  });
}

function addWithdraw(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'withdraw-invitation <operator-name>', {
    summary: 'make the setup token of an invitation worthless',
    description:
      'Withdraws an invitation that was not used yet. An operator who came by it stays: revoke their tokens.',
    examples: ['fleetward operator withdraw-invitation bob'],
  }).action(async (operatorName: string) => {
    await withApi((api) => api.call(withdrawOperatorInvitation, { params: { operatorName } }));
    output.done({ operatorName, outcome: 'withdrawn' }, `the invitation of \`${operatorName}\` is withdrawn`);
  });
}
