import {
  completeSetup,
  createOperatorToken,
  getSelf,
  listOperators,
  listOperatorTokens,
  revokeOperatorToken,
} from '@fleetward/protocol';
import type { Command } from 'commander';
import { certificateIdsOf, keepAuthority, resolveContext, resolveTarget, saveContext } from '../context.ts';
import { addVerb, whole } from '../define.ts';
import { readSecret } from '../secrets.ts';
import type { Shell } from '../shell.ts';
import { callPlatform } from '../with-api.ts';
import { addOperatorInvitations } from './operator-invite.ts';

/** `fleetward operator …`: the people and machines that run the platform, and their tokens. */
export function addOperator(noun: Command, shell: Shell): void {
  addSetup(noun, shell);
  addTrust(noun, shell);
  addWhoami(noun, shell);
  addList(noun, shell);
  addOperatorInvitations(noun, shell);
  addCreateToken(noun, shell);
  addListTokens(noun, shell);
  addRevokeToken(noun, shell);
}

interface SetupFlags {
  readonly setupTokenFile?: string;
  readonly setupToken?: string;
  readonly save: boolean;
}

function addSetup(noun: Command, shell: Shell): void {
  addVerb(noun, 'setup <operator-name>', {
    summary: 'become an operator with a setup token',
    description:
      'Spends the one-time setup token on an operator and a token, and keeps that with the address and the CA in ' +
      '`$XDG_CONFIG_HOME/fleetward/context.json` (mode 0600) for the commands to come. The first operator’s setup token comes from `init`, each further one from `operator invite`, or from `init --new-setup-token`. The setup token is read from a file, from ' +
      'FLEETWARD_SETUP_TOKEN, or asked for.',
    examples: [
      'fleetward operator setup ada --url https://localhost:9443 --ca fleetward-data/root-ca.pem',
      'fleetward operator setup ci --setup-token-file - --no-save --json < setup-token',
    ],
  })
    .option('--setup-token-file <file>', 'file with the setup token; `-` reads standard input')
    .option(
      '--setup-token <token>',
      'the setup token itself; others on this machine can see it while this runs',
    )
    .option('--no-save', 'print the new operator token instead of keeping it')
    .action(async (operatorName: string, flags: SetupFlags) => {
      const { terminal, output } = shell;
      const target = resolveTarget(shell.flags, terminal.environment);
      const setupToken = await readSetupToken(flags, shell);
      const body = { setupToken, operatorName };
      const { operator, token } = await callPlatform(target, (api) => api.call(completeSetup, { body }));
      const { secret, ...shown } = token;
      const { url, ca } = target;
      if (!flags.save) {
        output.done({ operator, token }, secret);
        return;
      }
      const contextFile = saveContext(
        { url, ...(ca === undefined ? {} : { ca }), token: secret },
        terminal.environment,
      );
      const sentence = `you are operator \`${operator.name}\`; address, CA and token are kept in \`${contextFile}\``;
      output.done({ operator, token: shown, contextFile }, sentence);
    });
}

async function readSetupToken(flags: SetupFlags, { terminal }: Shell): Promise<string> {
  if (flags.setupToken !== undefined) return flags.setupToken;
  const source = { what: 'setup token', fileFlag: '--setup-token-file', variable: 'FLEETWARD_SETUP_TOKEN' };
  return (await readSecret({ ...source, file: flags.setupTokenFile }, terminal)).trim();
}

function addTrust(noun: Command, shell: Shell): void {
  const { terminal, output } = shell;
  addVerb(noun, 'trust', {
    summary: 'believe another CA of the platform from now on, as after its root was replaced',
    description:
      'Puts the CAs in this file in the place of the kept one, once the platform has answered under them: those of a file with two roots, ' +
      'one after the other, are trusted both. Works too when the kept one is not believed any more.',
    examples: ['fleetward operator trust root-2.pem'],
  })
    .argument('<file>', 'certificates of roots, PEM')
    .action(async (file: string) => {
      const {
        url,
        ca = '',
        caFrom,
        token,
      } = resolveContext({ ...shell.flags, ca: file }, terminal.environment);
      const self = await callPlatform({ url, ca, caFrom, token }, (api) => api.call(getSelf));
      const contextFile = keepAuthority({ url, ca }, terminal.environment);
      const certificateIds = certificateIdsOf(ca);
      output.done(
        { url, contextFile, certificateIds },
        `\`${url}\` answers \`${self.name}\` under it; CA ${certificateIds.map((id) => `\`${id}\``).join(', ')} is kept in \`${contextFile}\``,
      );
    });
}

function addWhoami(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'whoami', {
    summary: 'show the operator the token belongs to',
    description: 'Shows which operator the platform takes you for: also a test of address, CA and token.',
    examples: ['fleetward operator whoami'],
  }).action(async () => {
    const self = await withApi((api) => api.call(getSelf));
    output.record(self, { name: self.name, id: self.operatorId, created: { atMs: self.createdAtMs } });
  });
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the operators',
    description: 'Lists all operators.',
    examples: ['fleetward operator list'],
  }).action(async () => {
    const { operators } = await withApi((api) => api.call(listOperators));
    output.list(
      operators,
      {
        name: (row) => row.name,
        id: (row) => row.operatorId,
        created: (row) => ({ atMs: row.createdAtMs }),
        'invited by': ({ invitedBy }) => operators.find(({ operatorId }) => operatorId === invitedBy)?.name,
      },
      'no operators',
    );
  });
}

function addCreateToken(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'create-token', {
    summary: 'make another token for yourself',
    description:
      'Makes another bearer token for the operator you are. It is printed this once and never again.',
    examples: ['fleetward operator create-token --valid-days 30 > ci.token'],
  })
    .addOption(
      whole('--valid-days <days>', {
        description: 'days until it expires; 90 if not given',
        min: 1,
        max: 365,
      }),
    )
    .action(async ({ validDays }: { readonly validDays?: number }) => {
      const body = validDays === undefined ? {} : { validityDays: validDays };
      const token = await withApi((api) => api.call(createOperatorToken, { body }));
      output.done(token, token.secret);
      output.noteSecret(`token \`${token.tokenId}\``);
    });
}

function addListTokens(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list-tokens', {
    summary: 'list the tokens of all operators',
    description: 'Lists the bearer tokens of all operators, without their secrets.',
    examples: ['fleetward operator list-tokens'],
  }).action(async () => {
    const { tokens } = await withApi((api) => api.call(listOperatorTokens));
    output.list(
      tokens,
      {
        token: (row) => row.tokenId,
        operator: (row) => row.operatorId,
        created: (row) => ({ atMs: row.createdAtMs }),
        expires: (row) => ({ atMs: row.expiresAtMs }),
        revoked: (row) => (row.revokedAtMs === undefined ? undefined : { atMs: row.revokedAtMs }),
      },
      'no tokens',
    );
  });
}

function addRevokeToken(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'revoke-token <token-id>', {
    summary: 'revoke a token',
    description: 'Revokes a bearer token at once, also your own.',
    examples: ['fleetward operator revoke-token 3f1c9a'],
  }).action(async (tokenId: string) => {
    await withApi((api) => api.call(revokeOperatorToken, { params: { tokenId } }));
    output.done({ tokenId, outcome: 'revoked' }, `token \`${tokenId}\` is revoked`);
  });
}
