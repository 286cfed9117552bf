import { formatMoment } from '../moment.ts';
import type { Campaign } from './campaign-progress.ts';

/** What an operator may do now; `undefined` where there is nothing to do but wait. */
export function nextStep(campaign: Campaign, nowMs: number): string | undefined {
  const { campaignId, state, startAtMs } = campaign;
  const verb = (name: string) => `\`fleetward campaign ${name} ${campaignId}\``;
  switch (state) {
    case 'PROPOSED':
      return `another operator says ${verb('approve')}`;
    case 'READY':
      return startAtMs === undefined
        ? verb('start')
        : `it starts by itself at ${formatMoment(startAtMs, nowMs)}; before that, ${verb('start')}`;
    case 'PAUSED':
      return `${onward(campaign, verb)}; ${verb('cancel')} ends it, ${verb('roll-back')} takes it back`;
    case 'HALTED':
      return `it starts nobody any more; ${verb('roll-back')} takes it back`;
    default:
      return undefined;
  }
}

function onward({ because, release }: Campaign, verb: (name: string) => string): string {
  switch (because?.cause) {
    case 'stage':
      return `${verb('things')} says what failed; ${verb('resume')} goes on with the next stage all the same`;
    case 'target':
      return `make the group again, then ${verb('resume')}`;
    case 'release':
      return `publish \`${release.path}\` again, then ${verb('resume')}`;
    case 'trouble':
      return `look at those things (\`fleetward thing show\`, \`fleetward denial list --thing\`); ${verb('resume')} goes on and counts anew`;
    default:
      return `${verb('resume')} goes on`;
  }
}
