import { setTimeout as pause } from 'node:timers/promises';
import {
  changeRenewal,
  getRenewal,
  listRenewalMembers,
  listRenewals,
  type Part,
  startRenewal,
} from '@fleetward/protocol';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addVerb, limit } from '../define.ts';
import { parseDurationMs } from '../moment.ts';
import { readOperatorNames } from '../operator-names.ts';
import { readPages } from '../pages.ts';
import type { Shell } from '../shell.ts';

type Campaign = Part<(typeof getRenewal)['answer']>;

/** `fleetward renewal …`: asks a part of the fleet to renew its certificates early. */
export function addRenewal(noun: Command, shell: Shell): void {
  addStart(noun, shell);
  addList(noun, shell);
  addShow(noun, shell);
  addMembers(noun, shell);
  addWatch(noun, shell);
  for (const event of ['pause', 'resume', 'cancel'] as const) addEvent(noun, { event, shell });
}

interface StartFlags {
  readonly group?: string;
  readonly issuer?: string;
  readonly profile?: 'device' | 'tpm-device';
  readonly expiresWithin?: string;
  readonly all?: boolean;
  readonly rate: number;
}

function addStart(noun: Command, { output, terminal, withApi }: Shell): void {
  addVerb(noun, 'start', {
    summary: 'ask a part of the fleet to renew early',
    description:
      'Asks each thing that matches all that is given to renew its newest active certificate, so many a minute. Agents ask at each pass ' +
      'whether they are called; a device that renews by itself counts too.',
    examples: [
      'fleetward renewal start --issuer CA-ID --rate 10/min',
      'fleetward renewal start --group building-7 --expires-within 60d --rate 600/min',
    ],
  })
    .option('--group <name>', 'things of this group and under it')
    .option('--issuer <certificate-id>', 'certificates of this CA')
    .addOption(new Option('--profile <profile>', 'of this profile').choices(['device', 'tpm-device']))
    .option('--expires-within <duration>', 'that end within this time, such as `60d`')
    .option('--all', 'every certificate there is')
    .addOption(
      new Option('--rate <rate>', 'devices that are called a minute, such as `10/min`')
        .argParser(parseRate)
        .makeOptionMandatory(),
    )
    .action(async (flags: StartFlags) => {
      const { group, issuer, profile, expiresWithin, all, rate } = flags;
      const body = {
        ratePerMinute: rate,
        ...(group === undefined ? {} : { groupName: group }),
        ...(issuer === undefined ? {} : { issuerId: issuer }),
        ...(profile === undefined ? {} : { profile }),
        ...(all === undefined ? {} : { all }),
        ...(expiresWithin === undefined
          ? {}
          : {
              expiresBeforeMs: terminal.clock.now() + parseDurationMs(expiresWithin, '--expires-within'),
            }),
      };
      const campaign = await withApi((api) => api.call(startRenewal, { body }));
      output.done(campaign, `renewal campaign \`${campaign.campaignId}\`: ${progressText(campaign)}`);
    });
}

function parseRate(text: string): number {
  const [, count] = /^([1-9][0-9]{0,4})(?:\/min)?$/.exec(text) ?? [];
  if (count === undefined || Number(count) > 60_000)
    throw new InvalidArgumentError('Expected a number from 1 to 60000 a minute, such as `10/min`.');
  return Number(count);
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the renewal campaigns',
    description: 'Lists the renewal campaigns, the newest first.',
    examples: ['fleetward renewal list'],
  }).action(async () => {
    const { renewals } = await withApi((api) => api.call(listRenewals));
    output.list(
      renewals,
      {
        campaign: (row) => row.campaignId,
        state: (row) => row.state,
        which: (row) => selectionText(row),
        rate: (row) => `${row.ratePerMinute}/min`,
        progress: (row) => progressText(row),
        started: (row) => ({ atMs: row.createdAtMs }),
      },
      'no renewal campaigns',
    );
  });
}

function addShow(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <campaign-id>', {
    summary: 'show a renewal campaign and how far it is',
    description: 'Shows a renewal campaign and how many certificates wait, are called, renewed or gone.',
    examples: ['fleetward renewal show 0c2f4a6b8d0e1f23'],
  }).action(async (campaignId: string) => {
    const [campaign, nameOf] = await withApi((api) =>
      Promise.all([api.call(getRenewal, { params: { campaignId } }), readOperatorNames(api)]),
    );
    output.record(campaign, {
      campaign: campaign.campaignId,
      state: campaign.state,
      which: selectionText(campaign),
      rate: `${campaign.ratePerMinute}/min`,
      certificates: campaign.members,
      waiting: campaign.counts.WAITING,
      called: campaign.counts.CALLED,
      renewed: campaign.counts.RENEWED,
      gone: campaign.counts.GONE,
      started: { atMs: campaign.createdAtMs },
      by: nameOf(campaign.createdBy),
      ...(campaign.endedAtMs === undefined ? {} : { ended: { atMs: campaign.endedAtMs } }),
    });
  });
}

const memberStates = ['WAITING', 'CALLED', 'RENEWED', 'GONE'] as const;

function addMembers(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'members <campaign-id>', {
    summary: 'list the certificates of a renewal campaign',
    description:
      'Lists the certificates of a renewal campaign and where each is. One that stays CALLED is of a device that is away, or has no agent.',
    examples: ['fleetward renewal members 0c2f4a6b8d0e1f23 --state CALLED'],
  })
    .addOption(new Option('--state <state>', 'only these').choices(memberStates))
    .addOption(limit())
    .action(async (campaignId: string, flags: { state?: (typeof memberStates)[number]; limit: number }) => {
      const { items, more } = await withApi((api) =>
        readPages(flags.limit, async (range) => {
          const query = { ...range, ...(flags.state === undefined ? {} : { state: flags.state }) };
          const { members, next } = await api.call(listRenewalMembers, { params: { campaignId }, query });
          return { items: members, next };
        }),
      );
      output.list(
        items,
        {
          certificate: (row) => row.certificateId,
          thing: (row) => row.thingName,
          state: (row) => row.state,
          since: (row) => (row.atMs === undefined ? undefined : { atMs: row.atMs }),
        },
        'none',
      );
      if (more) output.note(`there are more than ${flags.limit}: raise \`--limit\``);
    });
}

const watchPauseMs = 2_000;

function addWatch(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'watch <campaign-id>', {
    summary: 'follow a renewal campaign until it is over',
    description:
      'Prints a line whenever a renewal campaign has got further, until it is complete or cancelled.',
    examples: ['fleetward renewal watch 0c2f4a6b8d0e1f23'],
  }).action(async (campaignId: string) => {
    await withApi(async (api) => {
      for (let before = ''; ; ) {
        const campaign = await api.call(getRenewal, { params: { campaignId } });
        const text = `${campaign.state}: ${progressText(campaign)}`;
        if (text !== before) output.done(campaign, text);
        before = text;
        if (campaign.endedAtMs !== undefined) return;
        await pause(watchPauseMs);
      }
    });
  });
}

const deeds = {
  pause: [
    'stop calling devices for now',
    'Stops calling devices; who was called is not told any more.',
    'paused',
  ],
  resume: ['go on calling devices', 'Goes on with a campaign that was paused.', 'running'],
  cancel: ['end a renewal campaign', 'Ends a campaign for ever; what was renewed stays so.', 'cancelled'],
} as const;

function addEvent(
  noun: Command,
  { event, shell }: { readonly event: keyof typeof deeds; readonly shell: Shell },
): void {
  const [summary, description, done] = deeds[event];
  addVerb(noun, `${event} <campaign-id>`, {
    summary,
    description,
    examples: [`fleetward renewal ${event} 0c2f4a6b8d0e1f23`],
  }).action(async (campaignId: string) => {
    const campaign = await shell.withApi((api) =>
      api.call(changeRenewal, { params: { campaignId }, body: { event } }),
    );
    shell.output.done(campaign, `renewal campaign \`${campaignId}\` is ${done}: ${progressText(campaign)}`);
  });
}

function progressText({ members, counts }: Campaign): string {
  const { WAITING, CALLED, RENEWED, GONE } = counts;
  const gone = GONE === 0 ? '' : `, ${GONE} gone`;
  return `${RENEWED} of ${members} renewed, ${CALLED} called, ${WAITING} waiting${gone}`;
}

function selectionText({ selection }: Campaign): string {
  const { groupName, issuerId, profile, expiresBeforeMs } = selection;
  const parts = [
    groupName === undefined ? [] : `group ${groupName}`,
    issuerId === undefined ? [] : `issuer ${issuerId.slice(0, 16)}…`,
    profile === undefined ? [] : `profile ${profile}`,
    expiresBeforeMs === undefined ? [] : `ends before ${new Date(expiresBeforeMs).toISOString()}`,
  ].flat();
  return parts.length === 0 ? 'all' : parts.join(', ');
}
