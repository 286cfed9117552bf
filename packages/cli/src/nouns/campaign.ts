import {
  type ApiClient,
  campaignActionStates,
  changeCampaign,
  createCampaign,
  getCampaign,
  listCampaignActions,
  listCampaigns,
  listThings,
  rollBackCampaign,
} from '@fleetward/protocol';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addVerb, limit, repeatable, whole } from '../define.ts';
import { parseMomentMs } from '../moment.ts';
import { readOperatorNames } from '../operator-names.ts';
import { readPages } from '../pages.ts';
import type { Shell } from '../shell.ts';
import { nextStep } from './campaign-next.ts';
import { type Campaign, progressText, troubleTexts } from './campaign-progress.ts';
import {
  parseAbort,
  parseRate,
  parseStages,
  parseTrouble,
  parseWindow,
  type TermFlags,
  termsOf,
} from './campaign-terms.ts';
import { addWatch } from './campaign-watch.ts';

/** `fleetward campaign …`: rolls a published release out over a part of the fleet. */
export function addCampaign(noun: Command, shell: Shell): void {
  addCreate(noun, shell);
  addList(noun, shell);
  addShow(noun, shell);
  addThings(noun, shell);
  addWatch(noun, shell);
  for (const event of ['approve', 'start', 'pause', 'resume', 'cancel'] as const)
    addEvent(noun, { event, shell });
  addRollBack(noun, shell);
}

interface CreateFlags extends TermFlags {
  readonly release: string;
  readonly name?: string;
  readonly group?: string;
  readonly query?: string;
  readonly all?: boolean;
  readonly attribute?: Readonly<Record<string, string>>;
  readonly continuous?: boolean;
  readonly needsApproval?: boolean;
  readonly startAt?: string;
}

function addCreate(noun: Command, { output, withApi, terminal }: Shell): void {
  const verb = addVerb(noun, 'create', {
    summary: 'make a campaign for a published release',
    description:
      'Makes a campaign that rolls a published release out to a group, to what a query finds, or to every thing. It begins when it is started, or at the time that `--start-at` says. From now on these bytes go to ' +
      'whom the campaign offers them and to nobody else.',
    examples: [
      'fleetward campaign create --release pump/2.0.0/pump-2.0.0.bin --group building-7',
      "fleetward campaign create --release pump/2.0.0/pump-2.0.0.bin --query 'product:pump and firmware<2.0'",
      "fleetward campaign create --release pump/2.0.0/pump-2.0.0.bin --all --stages 1,5%,50%,100% --rate 60/min --abort 5%/20 --window 'mon-fri 02:00-04:00' --time-zone Europe/Berlin",
    ],
  })
    .requiredOption('--release <target-path>', 'the release, by its path in `release list`')
    .option('--name <name>', 'what people call it; the path, if not given')
    .option('--group <name>', 'things of this group and under it')
    .option('--query <query>', 'things that match it, as `thing list --query` finds them')
    .option('--all', 'every thing there is')
    .addOption(
      new Option('--attribute <name=value>', 'only things with this attribute (may be repeated)').argParser(
        parseAttribute,
      ),
    )
    .option('--continuous', 'things that come later join; goes on until it is cancelled')
    .option('--needs-approval', 'another operator has to approve before it can start')
    .option(
      '--start-at <time>',
      'it starts by itself then, or once it is approved after that: `2026-05-01T22:00:00Z`, or `8h` from now',
    );
  addTermOptions(verb).action(async (flags: CreateFlags) => {
    const { release, name, group, query, all, attribute, continuous, needsApproval, startAt } = flags;
    const nowMs = terminal.clock.now();
    const body = {
      releasePath: release,
      ...(name === undefined ? {} : { name }),
      ...(group === undefined ? {} : { groupName: group }),
      ...(query === undefined ? {} : { query }),
      ...(all === undefined ? {} : { all }),
      ...(attribute === undefined ? {} : { attributes: attribute }),
      ...(continuous === undefined ? {} : { isContinuous: continuous }),
      ...(needsApproval === undefined ? {} : { needsApproval }),
      ...(startAt === undefined
        ? {}
        : { startAtMs: parseMomentMs(startAt, { flag: '--start-at', nowMs, isAhead: true }) }),
      ...termsOf(flags),
    };
    const { campaign, findsNothing } = await withApi(async (api) => {
      const made = await api.call(createCampaign, { body });
      return { campaign: made, findsNothing: continuous !== true && (await isNothing(query, api)) };
    });
    const { campaignId, state } = campaign;
    output.done(campaign, `campaign \`${campaignId}\` is ${state}`);
    if (findsNothing)
      output.note('note: nothing matches its query now, and it cannot be started until something does');
    noteNext(campaign, { output, terminal });
  });
}

async function isNothing(query: string | undefined, api: ApiClient): Promise<boolean> {
  if (query === undefined) return false;
  const { things } = await api.call(listThings, { query: { query, limit: 1 } });
  return things.length === 0;
}

function noteNext(campaign: Campaign, { output, terminal }: Pick<Shell, 'output' | 'terminal'>): void {
  const next = nextStep(campaign, terminal.clock.now());
  if (next !== undefined) output.note(`next: ${next}`);
}

function addTermOptions(verb: Command): Command {
  return verb
    .addOption(
      new Option(
        '--stages <list>',
        'things or percent reached by each stage; default `1,5%,50%,100%`',
      ).argParser(parseStages),
    )
    .addOption(
      whole('--success <percent>', {
        description: 'of a stage’s things must succeed, or it pauses; with `--stages`, default 95',
        min: 0,
        max: 100,
      }),
    )
    .addOption(new Option('--rate <rate>', 'things a minute; default `100/min`').argParser(parseRate))
    .addOption(new Option('--rate-max <rate>', 'where a growing rate ends').argParser(parseRate))
    .addOption(new Option('--rate-factor <factor>', 'by which it grows, 1 to 5').argParser(parseFactor))
    .addOption(
      whole('--rate-increase-after <count>', {
        description: 'it grows each time so many more things were offered the release',
        min: 1,
        max: 1_000_000,
      }),
    )
    .addOption(
      new Option(
        '--rate-increase-on <what>',
        'what is counted for that: things that were offered it, or that have it; default `notified`',
      ).choices(['notified', 'succeeded']),
    )
    .addOption(
      new Option(
        '--abort <rule>',
        'halts for good: `10%/20`, of at least 20 that ended in a stage 10 % did not succeed; `FAILED:`, `REJECTED:` or `TIMED_OUT:` before it counts those alone (may be repeated); default `10%/20`',
      ).argParser(parseAbort),
    )
    .addOption(
      new Option(
        '--trouble <rule>',
        'pauses: `2x/5`, at least 5 updated things lose connections, or are denied what they ask for, at 2 times the rate of things that wait, or more; `disconnects:` or `denials:` before it watches those alone (may be repeated); `2x/5/40h` waits for 40 hours of things on each side instead of 10; `none`; default `2x/5`',
      ).argParser(parseTrouble),
    )
    .addOption(
      new Option('--window <window>', 'when devices may begin, such as `mon-fri 02:00-04:00`').argParser(
        parseWindow,
      ),
    )
    .option('--time-zone <name>', 'of the window, for things without an attribute `timezone`; default UTC')
    .addOption(repeatable('--from-version <version>', 'only things that run this version'))
    .addOption(
      new Option(
        '--requires <name=value>',
        'things without this attribute are skipped when their turn comes (may be repeated)',
      ).argParser(parseAttribute),
    )
    .addOption(whole('--battery <percent>', { description: 'at least, as reported', min: 1, max: 100 }))
    .addOption(whole('--retries <count>', { description: 'after failures that may pass', min: 0, max: 10 }))
    .option('--time-out <duration>', 'of one attempt, from the offer on; default `24h`')
    .addOption(
      whole('--bandwidth <bytes>', {
        description: 'bytes a second of all its downloads together',
        min: 1,
        max: 1_000_000_000_000,
      }),
    );
}

function parseAttribute(text: string, before: Readonly<Record<string, string>> = {}) {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Expected a name and a value, such as `region=eu`.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

function parseFactor(text: string): number {
  const factor = /^\d(?:\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (factor >= 1 && factor <= 5) return factor;
  throw new InvalidArgumentError('Expected a number from 1 to 5, such as `1.5`.');
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the campaigns',
    description: 'Lists the campaigns, the newest first.',
    examples: ['fleetward campaign list'],
  }).action(async () => {
    const { campaigns } = await withApi((api) => api.call(listCampaigns));
    output.list(
      campaigns,
      {
        campaign: (row) => row.campaignId,
        name: (row) => row.name,
        version: (row) => row.release.version,
        state: (row) => row.state,
        for: targetText,
        progress: progressText,
        made: (row) => ({ atMs: row.createdAtMs }),
      },
      'no campaigns',
    );
  });
}

function addShow(noun: Command, { output, withApi, terminal }: Shell): void {
  addVerb(noun, 'show <campaign-id>', {
    summary: 'show a campaign and how far it is',
    description: 'Shows a campaign, how far it is, and why it stopped if it did.',
    examples: ['fleetward campaign show 0c2f4a6b8d0e1f23'],
  }).action(async (campaignId: string) => {
    const [campaign, nameOf] = await withApi((api) =>
      Promise.all([api.call(getCampaign, { params: { campaignId } }), readOperatorNames(api)]),
    );
    const { name, state, release, because, stage, stages, causes, ratePerMinute } = campaign;
    output.record(campaign, {
      campaign: campaignId,
      name,
      state,
      ...(because === undefined ? {} : { because: because.explanation }),
      release: `${release.product} ${release.version} (${release.path})`,
      for: targetText(campaign),
      stage: `${stage + 1} of ${stages.length}`,
      rate: `${ratePerMinute}/min`,
      progress: progressText(campaign),
      trouble: troubleTexts(campaign).join('; '),
      failures: causes.map(({ state: end, cause, count }) => `${end} ${cause}: ${count}`).join(', '),
      made: { atMs: campaign.createdAtMs },
      by: nameOf(campaign.createdBy),
      ...(campaign.approvedBy === undefined ? {} : { approved: nameOf(campaign.approvedBy) }),
      ...(campaign.startAtMs === undefined || campaign.startedAtMs !== undefined
        ? {}
        : { starts: { atMs: campaign.startAtMs } }),
      ...(campaign.startedAtMs === undefined ? {} : { started: { atMs: campaign.startedAtMs } }),
      ...(campaign.endedAtMs === undefined ? {} : { ended: { atMs: campaign.endedAtMs } }),
    });
    noteNext(campaign, { output, terminal });
  });
}

function addThings(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'things <campaign-id>', {
    summary: 'list the things of a campaign and where each is',
    description: 'Lists the things of a campaign in the order of their turns, where each is and why.',
    examples: ['fleetward campaign things 0c2f4a6b8d0e1f23 --state FAILED'],
  })
    .addOption(new Option('--state <state>', 'only these').choices(campaignActionStates))
    .addOption(limit())
    .action(
      async (campaignId: string, flags: { state?: (typeof campaignActionStates)[number]; limit: number }) => {
        const { items, more } = await withApi((api) =>
          readPages(flags.limit, async (range: { readonly after?: number; readonly limit: number }) => {
            const query = { ...range, ...(flags.state === undefined ? {} : { state: flags.state }) };
            const { actions, next } = await api.call(listCampaignActions, { params: { campaignId }, query });
            return { items: actions, next };
          }),
        );
        output.list(
          items,
          {
            action: (row) => row.actionId,
            thing: (row) => row.thingName,
            state: (row) => row.state,
            since: (row) => ({ atMs: row.sinceMs }),
            from: (row) => row.fromVersion,
            attempts: (row) => row.attempts,
            why: (row) => row.explanation ?? row.cause,
          },
          'none',
        );
        if (more) output.note(`there are more than ${flags.limit}: raise \`--limit\``);
      },
    );
}

const deeds = {
  approve: ['approve a campaign that somebody else made', 'Approves a campaign; who made it cannot.'],
  start: ['start a campaign', 'Takes the things in and begins with the first stage.'],
  pause: ['start no more devices for now', 'Starts no more devices; those that have begun go on.'],
  resume: [
    'go on with a campaign that was paused',
    'Goes on, after a stage that did not succeed with the next one.',
  ],
  cancel: [
    'end a campaign for good',
    'Ends a campaign; what no device has begun is let go, and devices that have begun go on to their end.',
  ],
} as const;

function addEvent(
  noun: Command,
  { event, shell }: { readonly event: keyof typeof deeds; readonly shell: Shell },
): void {
  const [summary, description] = deeds[event];
  addVerb(noun, `${event} <campaign-id>`, {
    summary,
    description,
    examples: [`fleetward campaign ${event} 0c2f4a6b8d0e1f23`],
  }).action(async (campaignId: string) => {
    const campaign = await shell.withApi((api) =>
      api.call(changeCampaign, { params: { campaignId }, body: { event } }),
    );
    shell.output.done(campaign, `campaign \`${campaignId}\` is ${campaign.state}`);
    noteNext(campaign, shell);
  });
}

function addRollBack(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'roll-back <campaign-id>', {
    summary: 'take back what a campaign rolled out',
    description:
      'Ends a campaign and starts another that brings its things back to what they ran before. Devices only go up: those bytes must have been published ' +
      'as a higher version; while they are not, it says which are wanted.',
    examples: ['fleetward campaign roll-back 0c2f4a6b8d0e1f23'],
  }).action(async (campaignId: string) => {
    const back = await withApi((api) => api.call(rollBackCampaign, { params: { campaignId } }));
    output.done(
      back,
      `campaign \`${back.campaignId}\` with ${back.release.version} is ${back.state}; \`${campaignId}\` is over`,
    );
  });
}

function targetText({ target }: Campaign): string {
  const { groupName, query, attributes, isContinuous, updatedBy } = target;
  const chosen = query === undefined ? 'all' : `query ${query}`;
  const base =
    updatedBy === undefined
      ? groupName === undefined
        ? chosen
        : `group ${groupName}`
      : `back from ${updatedBy}`;
  const wanted = Object.entries(attributes).map(([name, value]) => `${name}=${value}`);
  return [base, ...wanted, ...(isContinuous ? ['continuous'] : [])].join(', ');
}
