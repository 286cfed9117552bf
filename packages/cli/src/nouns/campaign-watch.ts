import { setTimeout as pause } from 'node:timers/promises';
import { getCampaign } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import type { Shell } from '../shell.ts';
import { nextStep } from './campaign-next.ts';
import { type Campaign, progressLines, progressText } from './campaign-progress.ts';

const pauseMs = 1_000;

export function addWatch(noun: Command, shell: Shell): void {
  addVerb(noun, 'watch <campaign-id>', {
    summary: 'follow a campaign until it is over',
    description:
      'Shows how far a campaign is until it is over: on a terminal a bar for each stage, failures by cause and the time that is left; ' +
      'elsewhere, and with `--json`, a line whenever it got further.',
    examples: ['fleetward campaign watch 0c2f4a6b8d0e1f23'],
  }).action(async (campaignId: string) => {
    const show = shell.terminal.stdout.isTTY === true && !shell.output.json ? drawing(shell) : telling(shell);
    await shell.withApi(async (api) => {
      for (;;) {
        const campaign = await api.call(getCampaign, { params: { campaignId } });
        show(campaign);
        if (campaign.endedAtMs !== undefined) return;
        await pause(pauseMs);
      }
    });
  });
}

/** Draws over what it drew before. */
function drawing({ terminal }: Shell): (campaign: Campaign) => void {
  const { stdout, clock } = terminal;
  let drawn = 0;
  return (campaign) => {
    const width = stdout.columns || 80;
    const next = nextStep(campaign, clock.now());
    const lines = [
      ...progressLines(campaign, clock.now()),
      ...(next === undefined ? [] : [`  next: ${next}`]),
    ].map((line) => line.slice(0, width - 1));
    const up = drawn === 0 ? '' : `\u001b[${drawn}A`;
    stdout.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join('')}\u001b[0J`);
    drawn = lines.length;
  };
}

function telling({ output, terminal }: Shell): (campaign: Campaign) => void {
  let before = '';
  let stateBefore: Campaign['state'] | undefined;
  return (campaign) => {
    const because = campaign.because === undefined ? '' : ` (${campaign.because.explanation})`;
    const text = `${campaign.state}${because}: ${progressText(campaign)}`;
    if (text !== before) output.done(campaign, text);
    before = text;
    const next = campaign.state === stateBefore ? undefined : nextStep(campaign, terminal.clock.now());
    if (next !== undefined) output.note(`next: ${next}`);
    stateBefore = campaign.state;
  };
}
